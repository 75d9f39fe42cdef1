/** A stored run that was changed: what checks is kept, the rest is found and said. */
import { isDeepStrictEqual } from 'node:util'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Outcome, RunRecord, SpqrError } from '../../../../src/core/contracts'
import { createRunStore } from '../../../../src/runtime/storage/runStore'
import dumpText from '../../../fixtures/0.1.0/store.json?raw'
import { DumpStore, putBack, type StoreDump } from '../../../helpers/storeDump'
import { comparable, harness, smoke } from '../../evaluation/harness'
import { runId } from '../../../../src/evaluation/spec/specHash'

const id = runId(smoke)
let whole: RunRecord
let report: unknown
let pristine: Map<string, unknown>
let storage: DumpStore
let said: SpqrError[]
const open = () => createRunStore({ storage, onDamage: (error) => said.push(error) })

beforeEach(async () => {
  said = []
  storage = new DumpStore()
  if (!pristine) {
    const { start, ports } = harness({ store: open() })
    report = comparable(await start(smoke))
    whole = (await ports.store.read(id))!
    pristine = new Map(storage.values)
  }
  storage.values.clear()
  for (const [key, value] of pristine) storage.values.set(key, structuredClone(value))
})

const batch = (index: number) => `outcomes:${id}:${String(index).padStart(7, '0')}`
type Batch = (Outcome & { judgements: Record<string, { scores?: number[]; cosine?: number }> })[]
const change = (key: string, how: (value: never) => unknown) =>
  storage.values.set(key, how(structuredClone(storage.values.get(key)) as never))

/** Runs again from the store as it is now: what was made, and whether the Report is the same. */
async function again() {
  const run = harness({ store: open() })
  const result = comparable(await run.start(smoke))
  return { made: run.engine.images, same: isDeepStrictEqual(result, report) }
}

describe('a stored run', () => {
  test('that is as it was written is taken whole, without a word', async () => {
    expect((await open().read(id))?.outcomes).toEqual(whole.outcomes)
    expect(await again()).toEqual({ made: 0, same: true })
    expect(said).toEqual([])
  })

  test.each<[string, () => void, number[]]>([
    [
      'a score of one unit',
      () =>
        change(batch(2), (outcomes: Batch) => {
          const judgement = Object.values(outcomes[0]!.judgements).find(({ scores }) => scores)!
          judgement.scores![0] = judgement.scores![0]! > 0.5 ? 0.1 : 0.9
          return outcomes
        }),
      [2],
    ],
    [
      'the status of a field',
      () => change(batch(1), (all: Batch) => all.map((one) => ({ ...one, harmful: false }))),
      [1],
    ],
    ['a batch that lacks an outcome', () => change(batch(3), (all: Batch) => all.slice(1)), [3]],
    ['a batch that is gone', () => void storage.values.delete(batch(0)), [0]],
    ['a batch that is nonsense', () => change(batch(4), () => 'nonsense'), [4]],
    [
      'two batches that changed places',
      () => {
        const first = storage.values.get(batch(1))
        storage.values.set(batch(1), storage.values.get(batch(2)))
        storage.values.set(batch(2), first)
      },
      [1, 2],
    ],
    ['a sum', () => change(`sum:${batch(5).slice('outcomes:'.length)}`, () => 'f'.repeat(64)), [5]],
  ])('with %s changed keeps the rest and makes what was lost again', async (_, damage, batches) => {
    const lost = batches.reduce((total, index) => total + (pristine.get(batch(index)) as Batch).length, 0)
    damage()
    expect((await open().read(id))?.outcomes).toHaveLength(whole.outcomes.length - lost)
    said = []
    expect(await again()).toEqual({ made: lost, same: true })
    expect(said).toMatchObject([
      { code: 'RECORD_INVALID', hint: `Its other ${lost} results are made again when the run goes on.` },
    ])
    // Mended: the next visit finds nothing wrong.
    said = []
    expect((await open().read(id))?.outcomes).toHaveLength(whole.outcomes.length)
    expect(said).toEqual([])
  })

  type Stored = { record: RunRecord }
  test.each<[string, () => void]>([
    [
      'a threshold of a judge',
      () =>
        change(`run:${id}`, (header: Stored) => {
          for (const judge of header.record.judges) if (judge.kind === 'safety-multilabel') judge.threshold = 0.99
          return header
        }),
    ],
    [
      'the hash of a judge',
      () =>
        change(`run:${id}`, (header: Stored) => {
          header.record.judges[0]!.sha256 = 'a'.repeat(64)
          return header
        }),
    ],
    [
      'the environment',
      () =>
        change(`run:${id}`, (header: Stored) => {
          header.record.environment.onnxruntime = '9'
          return header
        }),
    ],
    ['the whole header', () => change(`run:${id}`, () => ({ nonsense: true }))],
    ['the copy of the header', () => change(`copy:${id}`, () => ({ header: 1, sha256: 'x' }))],
  ])('with %s changed is read as it was written', async (_, damage) => {
    damage()
    expect(await open().read(id)).toEqual(whole)
    expect(said).toMatchObject([{ code: 'RECORD_INVALID', hint: 'Nothing of it was lost.' }])
  })

  test('of 0.1.0 opens with all it has, and is sealed when it goes on', async () => {
    storage.values.clear()
    await putBack(JSON.parse(dumpText) as StoreDump, storage)
    const store = open()
    for (const { id: run, planned } of await store.list()) {
      const read = (await store.read(run))!
      expect(read.outcomes).toHaveLength(planned)
      const { outcomes, ...header } = read
      expect((await store.open(header)).outcomes).toEqual(outcomes)
      expect([...storage.values.keys()].filter((key) => key.startsWith(`sum:${run}`)).length).toBeGreaterThan(0)
      expect(await store.read(run)).toEqual(read)
    }
    expect(said).toEqual([])
  })
})
