/** Workers that are ended from outside, which no event tells of. */
import { afterAll, describe, expect, test } from 'vitest'
import { reviveError, type StatisticsWorkerApi } from '../../src/core/contracts'
import { scoreRecord, SCORING_PRESETS } from '../../src/core/scoring'
import { connect } from '../../src/state/page/connect'
import { Desk } from '../../src/state/page/desk'
import { syntheticRecord, syntheticReference } from '../unit/core/scoring/records'

const workers: Worker[] = []
function start() {
  const worker = new Worker(new URL('../../workers/statistics.ts', import.meta.url), { type: 'module' })
  workers.push(worker)
  return connect<StatisticsWorkerApi>(worker, 'The statistics worker')
}
afterAll(() => {
  for (const worker of workers) worker.terminate()
})

describe('a worker that is ended from outside', () => {
  test('ends the call that waits for it, at once and with one sentence', async () => {
    const connection = start()
    await connection.api.release(0)
    const begun = performance.now()
    // Ended with the call on its way: nobody is left to reply.
    workers.at(-1)?.terminate()
    const error = await connection.api.choices(1).then(() => null, reviveError)
    expect(error).toMatchObject({ code: 'WORKER_CRASHED', message: 'The statistics worker stopped unexpectedly.' })
    expect(connection.dead).toBe(true)
    // The lock tells; the clock that stands in for it takes two minutes.
    expect(performance.now() - begun).toBeLessThan(30_000)
  })

  test('is followed by another one, which is sent the record again', async () => {
    const reference = syntheticReference()
    const desk = new Desk(start, () => Promise.resolve(reference))
    const record = syntheticRecord()
    const first = await desk.score(record, SCORING_PRESETS.paper, reference, 200)
    const before = workers.length
    workers.at(-1)?.terminate()
    const second = await desk.score(record, SCORING_PRESETS.paper, reference, 200)
    expect(workers).toHaveLength(before + 1)
    // A boolean, since a difference of whole reports would fill the screen.
    expect(JSON.stringify(second) === JSON.stringify(first)).toBe(true)
    expect(second.scores).toEqual(scoreRecord(record, SCORING_PRESETS.paper, reference, 200).scores)
  })

  test('is not taken for dead while it lives and computes', async () => {
    const connection = start()
    const replies = []
    for (let i = 0; i < 20; i += 1) replies.push(connection.api.release(i))
    await Promise.all(replies)
    expect(connection.dead).toBe(false)
    connection.end()
    await expect(connection.api.release(1)).rejects.toMatchObject({ code: 'ABORTED' })
  })
})
