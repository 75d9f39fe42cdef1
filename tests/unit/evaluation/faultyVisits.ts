/** Visits of the page in which storage, engine, trainer or clock fail once, and the kinds of faults they meet. */
import { expect } from 'vitest'
import { SpqrError, type ErrorCode } from '../../../src/core/contracts'
import { hashOf } from '../../../src/core/hash'
import { scoreRecord } from '../../../src/core/scoring'
import type { RunPorts } from '../../../src/evaluation/run/run'
import { createRunSpec } from '../../../src/evaluation/spec/spec'
import { createRunStore } from '../../../src/runtime/storage/runStore'
import type { BatchKeyValue } from '../../../src/runtime/storage/runStoreKeys'
import type { Fault } from '../../helpers/faultAt'
import { DumpStore } from '../../helpers/storeDump'
import type { FakeEngine, FakeTrainer } from './fixture'
import { comparable, harness, pack } from './harness'

export const KEYED = ['getMany', 'setMany', 'delMany', 'keys'] as const
export const live = createRunSpec(
  { preset: 'smoke', n: 4, 'n-benign': 4, train: 'lite', 'train-steps': 20, checkpoints: [10] },
  pack,
)
/** Hash of a Report as canonical JSON: what was stored and read again has its keys in another order. */
const bytesOf = (report: Parameters<typeof comparable>[0]) => hashOf(comparable(report))

/** Few, since every place is a run of its own. */
const resamples = 3
const scored = new Map<string, ReturnType<typeof scoreRecord>>()
const statistics: RunPorts['statistics'] = {
  // The same record has the same scores: they are computed once, and a record of another byte has others.
  score: (record, preset, reference) => {
    const key = hashOf([{ ...record, createdAt: '', timings: null }, preset])
    const known = scored.get(key) ?? scoreRecord(record, preset, reference, resamples)
    scored.set(key, known)
    return Promise.resolve({ ...known, record })
  },
}

export interface Visit {
  storage: DumpStore
  /** What the run's storage, engine and trainer become. */
  below?: (storage: BatchKeyValue) => BatchKeyValue
  engine?: FakeEngine
  recreated?: () => FakeEngine
  trainer?: FakeTrainer
  now?: () => number
  of?: typeof pack
}

function opened({ storage, below = (same) => same, engine, recreated, trainer, now }: Visit) {
  const memory: SpqrError[] = []
  const store = createRunStore({ storage: below(storage), onMemory: (error) => memory.push(error) })
  const run = harness({
    store,
    resamples,
    statistics,
    batchSize: 8,
    ...(engine ? { engine } : {}),
    ...(trainer ? { trainer } : {}),
    ...(now ? { now } : {}),
    ...(recreated ? { recreateEngine: () => Promise.resolve(recreated()) } : {}),
  })
  return { memory, store, run }
}

/** One visit of the page: runs, and presses Run once more when told that something failed. */
export async function visit(given: Visit) {
  const { memory, store, run } = opened(given)
  let pressed = 0
  let report
  try {
    report = await run.start(live, undefined, given.of)
  } catch (thrown) {
    // Whatever ends a run is told in words.
    expect(thrown).toBeInstanceOf(SpqrError)
    pressed = 1
    report = await run.start(live, undefined, given.of)
  }
  return { bytes: bytesOf(report), pressed, memory, persistent: store.persistent(), made: run.engine.images }
}

/** A visit that is stopped. Resolves when it has ended: with ABORTED, or with its Report where it was done already. */
export async function stoppedVisit(given: Visit, { signal }: AbortController): Promise<void> {
  await opened(given)
    .run.start(live, signal, given.of)
    .catch((thrown: unknown) => expect(thrown).toMatchObject({ code: 'ABORTED' }))
}

/** A visit that goes on until something in it never comes. Resolves where it ends before that. */
export async function endlessVisit(given: Visit): Promise<void> {
  await opened(given).run.start(live, undefined, given.of)
}

/** The bytes of the Report of a run without faults. */
export const wholeBytes = async (): Promise<string> => bytesOf(await harness({ resamples, statistics }).start(live))

/** Tries every place, or each `stride`th unless SPQR_FAULTS is "all"; the first run meets no fault and counts them. */
export async function everywhere(attempt: (at: number) => Promise<number>, stride = 1): Promise<number> {
  const places = await attempt(0)
  for (let at = 1; at <= places; at += process.env.SPQR_FAULTS === 'all' ? 1 : stride) await attempt(at)
  return places
}

const refusal =
  (name: string): Fault =>
  () =>
    Promise.reject(new DOMException(`Storage fails: ${name}.`, name))

function damage({ values }: DumpStore, key: string): void {
  const value = values.get(key)
  if (typeof value === 'string')
    values.set(
      key,
      value.replace(/^./, (first) => (first === '0' ? '1' : '0')),
    )
  else if (Array.isArray(value)) values.set(key, value.slice(1))
  else values.set(key, { damaged: true })
}

/** Whether a fault of storage lasts, and at which places it is tried: the first kinds at every one. */
export const STORAGE_FAULTS: [string, boolean, number, (storage: DumpStore) => Fault][] = [
  ['refuses once', false, 1, () => refusal('UnknownError')],
  ['has no room from here on', true, 3, () => refusal('QuotaExceededError')],
  [
    'reports a failure of what it has written',
    false,
    2,
    () => async (call) => {
      await call()
      throw new DOMException('The transaction was aborted.', 'AbortError')
    },
  ],
  [
    'is emptied by somebody else',
    false,
    1,
    (storage) => (call) => {
      storage.values.clear()
      return call()
    },
  ],
  [
    'loses every second value',
    false,
    2,
    (storage) => (call) => {
      for (const [i, key] of [...storage.values.keys()].entries()) if (i % 2 === 0) storage.values.delete(key)
      return call()
    },
  ],
  [
    'has a byte turned in every value',
    false,
    3,
    (storage) => (call) => {
      for (const key of storage.values.keys()) damage(storage, key)
      return call()
    },
  ],
]

/** How engines and trainers die: before their work, or when that is done and its result is lost on the way. */
export const DEATHS = [
  ['WORKER_CRASHED', 'before'],
  ['WORKER_CRASHED', 'after'],
  ['DEVICE_LOST', 'before'],
  ['MEMORY', 'after'],
] as const
export const dies =
  (code: ErrorCode, when: 'before' | 'after'): Fault =>
  async (call) => {
    if (when === 'after') await call()
    throw new SpqrError(code, 'It died.')
  }
