/**
 * A fault at every place of a run whose pictures are drawn before their judges are there, one place at a time: what was
 * drawn waits in the engine, and nothing of it is stored. The engine dies, storage fails, the run is stopped, the page is
 * left: the Report is byte for byte that of a run without faults, then and on the next visit.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { SpqrError } from '../../../../src/core/contracts'
import { FaultAt, type Fault } from '../../../helpers/faultAt'
import { DumpStore } from '../../../helpers/storeDump'
import {
  DEATHS,
  dies,
  endlessVisit,
  everywhere,
  KEYED,
  STORAGE_FAULTS,
  stoppedVisit,
  visit,
  wholeBytes,
} from '../faultyVisits'
import { FakeEngine } from '../fixture'
import { pack, small } from '../harness'

const CALLS = ['prepare', 'draw', 'seat', 'run'] as const
/** An engine whose judges come when so many batches are drawn; 99: when they are waited for. */
function late(batches: number): FakeEngine {
  const engine = new FakeEngine()
  engine.judgesComeAfter = batches
  return engine
}

let whole: string
beforeAll(async () => {
  whole = await wholeBytes()
})

/** The page is left: nothing that was asked for comes any more. */
function leaving(when: 'before' | 'after'): { left: Promise<void>; fault: Fault } {
  let leave: () => void
  const left = new Promise<void>((resolve) => (leave = resolve))
  const fault: Fault = async (call) => {
    if (when === 'after') await call()
    leave()
    return new Promise(() => undefined)
  }
  return { left, fault }
}

describe.each([
  ['stage after stage', pack, 99],
  ['stages in turn until judges are there', small, 2],
] as const)('%s', (_, of, batches) => {
  test.each(DEATHS)('%s %s a piece of work of the engine', async (code, when) => {
    const places = await everywhere(async (at) => {
      const fault = new FaultAt(at, dies(code, when))
      const mortal = () => fault.on(late(batches), CALLS)
      const storage = new DumpStore()
      const result = await visit({ storage, engine: mortal(), recreated: mortal, of })
      expect(result.bytes, `fault at call ${at}`).toBe(whole)
      expect(result.pressed, `fault at call ${at}`).toBe(0)
      expect((await visit({ storage, of })).bytes, `the visit after a fault at call ${at}`).toBe(whole)
      return fault.calls
    })
    expect(places).toBeGreaterThan(11)
  })

  test.each(STORAGE_FAULTS)('storage %s', async (_, lasting, stride, faultOf) => {
    const places = await everywhere(async (at) => {
      const storage = new DumpStore()
      const fault = new FaultAt(at, faultOf(storage), lasting)
      const first = await visit({ storage, below: (below) => fault.on(below, KEYED), engine: late(batches), of })
      expect(first.bytes, `fault at call ${at}`).toBe(whole)
      expect(first.pressed, `fault at call ${at}`).toBe(0)
      expect(first.memory.length > 0, `fault at call ${at}`).toBe(!first.persistent)
      expect((await visit({ storage, of })).bytes, `the visit after a fault at call ${at}`).toBe(whole)
      return fault.calls
    }, stride)
    expect(places).toBeGreaterThan(12)
  })

  test('stopped at every call of the engine', async () => {
    await everywhere(async (at) => {
      const controller = new AbortController()
      const fault = new FaultAt(at, () => {
        controller.abort()
        return Promise.reject(new SpqrError('ABORTED', 'The work was stopped.'))
      })
      const storage = new DumpStore()
      await stoppedVisit({ storage, engine: fault.on(late(batches), CALLS), of }, controller)
      expect((await visit({ storage, of })).bytes, `stopped at call ${at}`).toBe(whole)
      return fault.calls
    })
  })

  test('stopped at every call of storage', async () => {
    await everywhere(async (at) => {
      const controller = new AbortController()
      const fault = new FaultAt(at, (call) => {
        controller.abort()
        return call()
      })
      const storage = new DumpStore()
      await stoppedVisit({ storage, below: (below) => fault.on(below, KEYED), engine: late(batches), of }, controller)
      expect((await visit({ storage, of })).bytes, `stopped at call ${at}`).toBe(whole)
      return fault.calls
    })
  })

  test.each(['before', 'after'] as const)('left %s every call of the engine or of storage', async (when) => {
    const places = await everywhere(async (at) => {
      const { left, fault: never } = leaving(when)
      const fault = new FaultAt(at, never, true)
      const storage = new DumpStore()
      const engine = fault.on(late(batches), CALLS)
      await Promise.race([endlessVisit({ storage, below: (below) => fault.on(below, KEYED), engine, of }), left])
      expect((await visit({ storage, of })).bytes, `left at call ${at}`).toBe(whole)
      return fault.calls
    })
    expect(places).toBeGreaterThan(25)
  })
})
