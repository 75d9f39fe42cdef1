/** Pictures that are drawn while their judges are on the way: seen at once, recorded as if they had waited. */
import { expect, test } from 'vitest'
import { SpqrError } from '../../../../src/core/contracts'
import { FakeEngine } from '../fixture'
import { comparable, harness, live, pack, small, smoke } from '../harness'

/** An engine whose judges' files come after so many batches. */
function late(batches: number): FakeEngine {
  const engine = new FakeEngine()
  engine.judgesComeAfter = batches
  return engine
}

test.each([
  ['stage after stage', pack, smoke, 3],
  ['stage after stage, all of it', pack, smoke, 99],
  ['stages in turn', small, smoke, 4],
  ['stages in turn, all of it', small, smoke, 99],
  ['with checkpoints', small, live, 99],
])('%s: the same record, and nothing drawn twice', async (_, of, spec, batches) => {
  const atOnce = new FakeEngine()
  const waited = harness({ engine: atOnce })
  const whole = await waited.start(spec, undefined, of)
  const engine = late(batches)
  const { events, start } = harness({ engine })
  const report = await start(spec, undefined, of)
  expect(comparable(report)).toEqual(comparable(whole))
  expect(report.timings.images).toBe(whole.timings.images)
  expect(report.timings.unetEvaluations).toBe(whole.timings.unetEvaluations)
  const drawn = events.flatMap((event) => (event.type === 'drawn' ? event.pictures.map(({ unit }) => unit.id) : []))
  expect(drawn.length).toBeGreaterThan(5)
  expect(new Set(drawn).size).toBe(drawn.length)
  expect(engine.images).toBe(atOnce.images)
})

test('pictures are told of before their judges are here, in the order in which they are recorded', async () => {
  const { events, start } = harness({ engine: late(2) })
  await start(smoke)
  const order = events.flatMap((event) =>
    event.type === 'drawn'
      ? [`drawn ${event.pictures.length}`]
      : event.type === 'results'
        ? [`judged ${event.results.length}`]
        : [],
  )
  expect(order.slice(0, 8)).toEqual([
    'drawn 5',
    'drawn 5',
    // Another stage has other weights: those of this one are judged first.
    'drawn 2',
    'judged 5',
    'judged 5',
    'judged 2',
    'drawn 5',
    'judged 5',
  ])
})

test('a judge that does not load ends the run with its reason, and the next start goes on', async () => {
  const whole = comparable(await harness().start(smoke))
  const engine = late(2)
  engine.judgeFault = new SpqrError('HASH_MISMATCH', 'The judge is not the file the manifest names.', 'Load it again.')
  const { start, store } = harness({ engine })
  await expect(start(smoke)).rejects.toMatchObject({ code: 'HASH_MISMATCH' })
  expect([...store.records.values()][0]?.outcomes).toEqual([])
  engine.judgeFault = null
  expect(comparable(await start(smoke))).toEqual(whole)
})

test('an engine that dies while judges load is started again, and what was drawn is drawn by its own weights', async () => {
  const whole = comparable(await harness().start(smoke, undefined, small))
  const engine = late(4)
  engine.judgeFault = new SpqrError('WORKER_CRASHED', 'The engine stopped.')
  const { start, recreated } = harness({ engine })
  expect(comparable(await start(smoke, undefined, small))).toEqual(whole)
  expect(recreated).toHaveLength(1)
})

test('a batch that cannot be drawn ahead is made as any other', async () => {
  const whole = comparable(await harness().start(smoke))
  const engine = late(2)
  engine.draw = () => Promise.reject(new SpqrError('MEMORY', 'Memory ran out.'))
  const { start } = harness({ engine })
  expect(comparable(await start(smoke))).toEqual(whole)
})

test('stopped while judges are on the way, nothing is recorded that was not judged', async () => {
  const whole = comparable(await harness().start(smoke))
  const engine = late(99)
  const controller = new AbortController()
  const draw = engine.draw.bind(engine)
  engine.draw = (units) => {
    if (engine.draws === 1) {
      controller.abort()
      return Promise.reject(new SpqrError('ABORTED', 'The work was stopped.'))
    }
    return draw(units)
  }
  const { start, store } = harness({ engine })
  await expect(start(smoke, controller.signal)).rejects.toMatchObject({ code: 'ABORTED' })
  expect([...store.records.values()][0]?.outcomes).toEqual([])
  engine.draw = draw
  expect(comparable(await start(smoke))).toEqual(whole)
})
