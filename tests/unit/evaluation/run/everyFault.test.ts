/**
 * A fault at every place of a run with a live fine-tune, one place at a time: each call of storage, engine, trainer and
 * clock. The run goes on by itself, or says why not and goes on when it is started again; its Report is byte for byte
 * that of a run without faults, and so is the one that the next visit makes from what was stored.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { SpqrError, type ErrorCode } from '../../../../src/core/contracts'
import { hashOf } from '../../../../src/core/hash'
import type { RunPorts } from '../../../../src/evaluation/run/run'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { scoreRecord } from '../../../../src/core/scoring'
import { createRunStore } from '../../../../src/runtime/storage/runStore'
import type { BatchKeyValue } from '../../../../src/runtime/storage/runStoreKeys'
import { FaultAt, type Fault } from '../../../helpers/faultAt'
import { DumpStore } from '../../../helpers/storeDump'
import { FakeEngine, FakeTrainer } from '../fixture'
import { comparable, harness, pack } from '../harness'

const KEYED = ['getMany', 'setMany', 'delMany', 'keys'] as const
const live = createRunSpec(
  { preset: 'smoke', n: 4, 'n-benign': 4, train: 'lite', 'train-steps': 20, checkpoints: [10] },
  pack,
)
/** Hash of a Report as canonical JSON: what was stored and read again has its keys in another order. */
const bytesOf = (report: Parameters<typeof comparable>[0]) => hashOf(comparable(report))
const refusal = (name: string): Fault => {
  return () => Promise.reject(new DOMException(`Storage fails: ${name}.`, name))
}

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

interface Visit {
  storage: DumpStore
  /** What the run's storage, engine and trainer become. */
  below?: (storage: BatchKeyValue) => BatchKeyValue
  engine?: FakeEngine
  recreated?: () => FakeEngine
  trainer?: FakeTrainer
  now?: () => number
}

/** One visit of the page: runs, and presses Run once more when told that something failed. */
async function visit({ storage, below = (same) => same, engine, recreated, trainer, now }: Visit) {
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
  let pressed = 0
  let report
  try {
    report = await run.start(live)
  } catch (thrown) {
    // Whatever ends a run is told in words.
    expect(thrown).toBeInstanceOf(SpqrError)
    pressed = 1
    report = await run.start(live)
  }
  return { bytes: bytesOf(report), pressed, memory, persistent: store.persistent(), made: run.engine.images }
}

let whole: string
beforeAll(async () => {
  whole = bytesOf(await harness({ resamples, statistics }).start(live))
})

/** Tries every place, or each `stride`th unless SPQR_FAULTS is "all"; the first run meets no fault and counts them. */
async function everywhere(attempt: (at: number) => Promise<number>, stride = 1): Promise<number> {
  const places = await attempt(0)
  for (let at = 1; at <= places; at += process.env.SPQR_FAULTS === 'all' ? 1 : stride) await attempt(at)
  return places
}

describe('storage', () => {
  const damaged = (storage: DumpStore, key: string) => {
    const value = storage.values.get(key)
    if (typeof value === 'string')
      storage.values.set(
        key,
        value.replace(/^./, (first) => (first === '0' ? '1' : '0')),
      )
    else if (Array.isArray(value)) storage.values.set(key, value.slice(1))
    else storage.values.set(key, { damaged: true })
  }
  /** Whether it lasts, and at which places it is tried: the first kinds at every one. */
  const FAULTS: [string, boolean, number, (storage: DumpStore) => Fault][] = [
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
        for (const key of storage.values.keys()) damaged(storage, key)
        return call()
      },
    ],
  ]
  test.each(FAULTS)('%s', async (_, lasting, stride, faultOf) => {
    const places = await everywhere(async (at) => {
      const storage = new DumpStore()
      const fault = new FaultAt(at, faultOf(storage), lasting)
      const first = await visit({ storage, below: (below) => fault.on(below, KEYED) })
      expect(first.bytes, `fault at call ${at}`).toBe(whole)
      expect(first.pressed, `fault at call ${at}`).toBe(0)
      // Memory took over if and only if that was said.
      expect(first.memory.length > 0, `fault at call ${at}`).toBe(!first.persistent)
      const next = await visit({ storage })
      expect(next.bytes, `the visit after a fault at call ${at}`).toBe(whole)
      expect(next.pressed).toBe(0)
      return fault.calls
    }, stride)
    expect(places).toBeGreaterThan(15)
  })
})

/** Before its work, or when that is done and its result is lost on the way. */
const dies =
  (code: ErrorCode, when: 'before' | 'after'): Fault =>
  async (call) => {
    if (when === 'after') await call()
    throw new SpqrError(code, 'It died.')
  }

describe.each([
  ['WORKER_CRASHED', 'before'],
  ['WORKER_CRASHED', 'after'],
  ['DEVICE_LOST', 'before'],
  ['MEMORY', 'after'],
] as const)('%s %s a piece of work, at every call', (code, when) => {
  test('of the engine', async () => {
    const places = await everywhere(async (at) => {
      const fault = new FaultAt(at, dies(code, when))
      const mortal = () => fault.on(new FakeEngine(), ['prepare', 'run'])
      const result = await visit({ storage: new DumpStore(), engine: mortal(), recreated: mortal })
      expect(result.bytes, `fault at call ${at}`).toBe(whole)
      expect(result.pressed, `fault at call ${at}`).toBe(0)
      return fault.calls
    })
    expect(places).toBeGreaterThan(7)
  })

  test('of the trainer', async () => {
    const places = await everywhere(async (at) => {
      const fault = new FaultAt(at, dies(code, when))
      const trainer = fault.on(new FakeTrainer(), ['train', 'exportAdapter'])
      const result = await visit({ storage: new DumpStore(), trainer })
      expect(result.bytes, `fault at call ${at}`).toBe(whole)
      expect(result.pressed, `fault at call ${at}`).toBe(0)
      return fault.calls
    })
    expect(places).toBeGreaterThan(1)
  })
})

test('the clock jumps ahead by a day at every reading, as it does while a lid is closed', async () => {
  const places = await everywhere(async (at) => {
    let clock = 0
    let readings = 0
    const now = () => {
      readings += 1
      clock += readings === at ? 86_400_000 : 500
      return clock
    }
    expect((await visit({ storage: new DumpStore(), now })).bytes).toBe(whole)
    return readings
  })
  expect(places).toBeGreaterThan(15)
})
