/**
 * A fault at every place of a run with a live fine-tune, one place at a time: each call of storage, engine, trainer and
 * clock. The run goes on by itself, or says why not and goes on when it is started again; its Report is byte for byte
 * that of a run without faults, and so is the one that the next visit makes from what was stored.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { FaultAt } from '../../../helpers/faultAt'
import { DumpStore } from '../../../helpers/storeDump'
import { DEATHS, dies, everywhere, KEYED, STORAGE_FAULTS, visit, wholeBytes } from '../faultyVisits'
import { FakeEngine, FakeTrainer } from '../fixture'

let whole: string
beforeAll(async () => {
  whole = await wholeBytes()
})

describe('storage', () => {
  test.each(STORAGE_FAULTS)('%s', async (_, lasting, stride, faultOf) => {
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

describe.each(DEATHS)('%s %s a piece of work, at every call', (code, when) => {
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
