/** Engine and trainer that die, at every call and while the next one loads: the run goes on to the same Report. */
import { describe, expect, test } from 'vitest'
import { SpqrError, type ModelVariant, type RunSpec } from '../../../../src/core/contracts'
import { FakeEngine, FakeTrainer } from '../fixture'
import { comparable, harness, live, smoke } from '../harness'

const crashed = () => new SpqrError('WORKER_CRASHED', 'The worker stopped unexpectedly.')

/** A trainer that dies at the calls whose numbers are given, after a step of each. */
class MortalTrainer extends FakeTrainer {
  constructor(
    private readonly deaths: readonly number[],
    private readonly steps = true,
  ) {
    super()
  }

  override train(...args: Parameters<FakeTrainer['train']>): ReturnType<FakeTrainer['train']> {
    const number = this.calls.length + 1
    if (!this.deaths.includes(number)) return super.train(...args)
    this.calls.push(args[2])
    if (this.steps) args[3]({ step: 1, loss: 0.5, msPerStep: 1 })
    return Promise.reject(crashed())
  }
}

const whole = async (spec: RunSpec) => comparable(await harness().start(spec))

describe('a trainer that dies', () => {
  test.each([[[1]], [[2]], [[1, 3]], [[1, 2, 3, 4, 5]]])(
    'at calls %j is started again and the Report is the same',
    async (deaths) => {
      const { events, start } = harness({ trainer: new MortalTrainer(deaths) })
      expect(comparable(await start(live))).toEqual(await whole(live))
      const warnings = events.filter((event) => event.type === 'warning')
      expect(warnings).toHaveLength(deaths.length)
      expect(warnings[0]).toMatchObject({
        code: 'WORKER_CRASHED',
        message: expect.stringContaining('Training is started again') as unknown,
      })
    },
  )

  test('again and again without taking a step ends the run with its error', async () => {
    const trainer = new MortalTrainer([1, 2, 3, 4, 5, 6, 7, 8, 9], false)
    await expect(harness({ trainer }).start(live)).rejects.toMatchObject({ code: 'WORKER_CRASHED' })
    expect(trainer.calls.length).toBeLessThanOrEqual(6)
  })
})

describe('a checkpoint that the engine cannot read', () => {
  const invalid = () => new SpqrError('CHECKPOINT_INVALID', 'The checkpoint was damaged.', 'It is trained again.')

  /** An engine that reads a checkpoint only once it is held in memory. */
  class BlindEngine extends FakeEngine {
    override prepare(variant: ModelVariant): Promise<void> {
      const { fineTune } = variant
      if (fineTune.kind === 'checkpoint' && !this.held.has(fineTune.key)) return Promise.reject(invalid())
      return super.prepare(variant)
    }
  }

  test('is handed over from the memory of the trainer, also to the next engine, and this is said', async () => {
    const {
      engine: first,
      events,
      trainer,
      start,
    } = harness({
      engine: new BlindEngine(),
      recreateEngine: () => Promise.resolve(new BlindEngine()),
    })
    expect(first.runs).toBe(0)
    expect(comparable(await start(live))).toEqual(await whole(live))
    expect(trainer.calls).toEqual([10, 20])
    expect(events.filter(({ type }) => type === 'warning')).toEqual([
      expect.objectContaining({ code: 'CHECKPOINT_INVALID' }),
      expect.objectContaining({ code: 'CHECKPOINT_INVALID' }),
    ])
  })

  test('and that the trainer has lost too is trained again', async () => {
    class Forgetful extends FakeTrainer {
      lost = new Set<string>()
      override exportAdapter(key: string): ReturnType<FakeTrainer['exportAdapter']> {
        if (this.lost.has(key)) return super.exportAdapter(key)
        this.lost.add(key)
        return Promise.reject(invalid())
      }
    }
    const trainer = new Forgetful()
    const { start } = harness({ engine: new BlindEngine(), trainer, trainAhead: false })
    expect(comparable(await start(live))).toEqual(await whole(live))
    expect(trainer.calls).toEqual([10, 10, 20, 20])
  })
})

describe('an engine that dies', () => {
  test('at any batch, and whose successor dies while it loads, is started once more', async () => {
    const expected = await whole(smoke)
    for (let batch = 1; batch <= 11; batch += 1) {
      let started = 0
      const { engine, events, start } = harness({
        recreateEngine: () => {
          started += 1
          const fresh = new FakeEngine()
          if (started === 1) fresh.prepare = () => Promise.reject(crashed())
          return Promise.resolve(fresh)
        },
      })
      engine.beforeRun = (run) => {
        if (run === batch) throw crashed()
      }
      expect(comparable(await start(smoke))).toEqual(expected)
      expect(started).toBe(2)
      expect(events.filter(({ type }) => type === 'warning')).toHaveLength(2)
    }
  })
})
