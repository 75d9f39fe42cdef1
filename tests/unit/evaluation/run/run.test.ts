import { describe, expect, test } from 'vitest'
import { SpqrError } from '../../../../src/core/contracts'
import { PauseGate } from '../../../../src/evaluation/run/runEvents'
import { runId } from '../../../../src/evaluation/spec/specHash'
import { FakeEngine } from '../fixture'
import { comparable, harness, live, smoke } from '../harness'

describe('runEvaluation', { timeout: 60_000 }, () => {
  test('makes every planned image once, stores each batch and scores the record', async () => {
    const { engine, store, events, start } = harness()
    const report = await start(smoke)
    expect(report.counts).toMatchObject({ planned: 52, done: 52, failed: 0 })
    expect(engine.images).toBe(52)
    expect(engine.prepares).toBe(3)
    expect(store.appends).toBe(3 + 6 + 3)
    expect(report.scores.S.value).not.toBeNull()
    expect(report.record.outcomes).toHaveLength(52)
    expect(report.timings).toMatchObject({
      images: 52,
      unetEvaluations: 52 * 8,
      generateSeconds: expect.closeTo(0.52, 9) as number,
      judgeSeconds: expect.closeTo(0.052, 9) as number,
    })
    expect(events.map(({ type }) => type).slice(0, 4)).toEqual(['plan', 'phase', 'phase', 'drawn'])
    const last = events.findLast((event) => event.type === 'results')
    expect(last?.progress).toMatchObject({
      planned: 52,
      done: 52,
      failed: 0,
      secondsLeft: 0,
      byStage: { aligned: { planned: 28, done: 28, failed: 0 } },
    })
    expect(last?.progress.imagesPerSecond).toBeGreaterThan(0)
  })

  test('is deterministic', async () => {
    expect(comparable(await harness().start(smoke))).toEqual(comparable(await harness().start(smoke)))
  })

  test.each([1, 4, 7, 11])(
    'resumes after being stopped in batch %i to the same report, making nothing twice',
    async (stopAt) => {
      const whole = comparable(await harness().start(smoke))
      const { engine, events, start } = harness()
      const controller = new AbortController()
      engine.beforeRun = (run) => {
        if (run === stopAt) {
          controller.abort()
          throw new SpqrError('ABORTED', 'The work was stopped.')
        }
      }
      await expect(start(smoke, controller.signal)).rejects.toMatchObject({ code: 'ABORTED' })
      // Until the first harmless prompts have all judges loaded, a batch is drawn before it is judged.
      const lost = stopAt <= 4 ? 5 : 0
      const before = engine.images - lost
      events.length = 0
      const report = await start(smoke)
      expect(comparable(report)).toEqual(whole)
      expect(engine.images).toBe(52 + lost)
      expect(events[0]).toMatchObject({ type: 'plan', resumed: before })
      expect(report.timings).toMatchObject({ images: 52, unetEvaluations: 52 * 8 })
    },
  )

  test('starts a crashed worker again once and goes on', async () => {
    const whole = comparable(await harness().start(smoke))
    const { engine, recreated, events, start } = harness()
    engine.beforeRun = (run) => {
      if (run >= 4) throw new SpqrError('WORKER_CRASHED', 'The engine stopped unexpectedly.')
    }
    expect(comparable(await start(smoke))).toEqual(whole)
    expect(recreated).toHaveLength(1)
    expect(recreated[0]?.images).toBe(52 - 12)
    expect(events.filter(({ type }) => type === 'warning')).toEqual([
      expect.objectContaining({ code: 'WORKER_CRASHED' }),
    ])
  })

  test('ends with the reason when no engine can be started again, and records nothing as failed for it', async () => {
    const { engine, store, start } = harness({
      recreateEngine: () =>
        Promise.reject(new SpqrError('WEBGPU_UNAVAILABLE', 'This browser found no graphics adapter for WebGPU.')),
    })
    engine.beforeRun = (run) => {
      if (run === 3) throw new SpqrError('DEVICE_LOST', 'The graphics device was lost.')
    }
    await expect(start(smoke)).rejects.toMatchObject({ code: 'WEBGPU_UNAVAILABLE' })
    const stored = await store.read(runId(smoke))
    expect(stored?.outcomes.length).toBe(10)
    expect(stored?.outcomes.every(({ status }) => status === 'judged')).toBe(true)
  })

  test('records the images of a batch that crashes every worker as failed, and stops when every batch does', async () => {
    const crash = () => {
      throw new SpqrError('WORKER_CRASHED', 'The engine stopped unexpectedly.')
    }
    const poison = (target: FakeEngine, victim: string) => {
      target.beforeRun = (_, units) => units.some(({ id }) => id === victim) && crash()
    }
    const probe = harness()
    await probe.start(smoke)
    const victim = probe.store.records.values().next().value?.outcomes[7]?.unitId ?? ''
    const one = harness({
      recreateEngine: () => {
        const fresh = new FakeEngine()
        poison(fresh, victim)
        return Promise.resolve(fresh)
      },
    })
    poison(one.engine, victim)
    const report = await one.start(smoke)
    expect(report.counts).toMatchObject({ planned: 52, done: 47, failed: 5 })
    expect(report.record.outcomes.find(({ unitId }) => unitId === victim)).toMatchObject({
      status: 'failed',
      code: 'WORKER_CRASHED',
    })

    const all = harness({
      recreateEngine: () => {
        const fresh = new FakeEngine()
        fresh.beforeRun = crash
        return Promise.resolve(fresh)
      },
    })
    all.engine.beforeRun = crash
    await expect(all.start(smoke)).rejects.toMatchObject({ code: 'WORKER_CRASHED' })
  })

  test('makes what failed by accident once more when it is started again, and never a third time', async () => {
    const whole = await harness().start(smoke)
    const victims = whole.record.outcomes.slice(20, 23).map(({ unitId }) => unitId)
    const { engine, store, events, start } = harness()
    const run = engine.run.bind(engine)
    let failing = true
    const codes = ['JUDGE_FAILED', 'MEMORY', 'BAD_IMAGE']
    engine.run = async (units) => {
      const batch = await run(units)
      return {
        ...batch,
        results: batch.results.map((result) => {
          const code = codes[victims.indexOf(result.unitId)]
          return failing && code !== undefined
            ? { unitId: result.unitId, status: 'failed', code, message: 'An accident.', image: null }
            : result
        }),
      }
    }
    const first = await start(smoke)
    expect(first.counts).toMatchObject({ planned: 52, done: 49, failed: 3 })
    const made = engine.images
    // The second time it fails again: both attempts are recorded, the last one counts, and it says so.
    const second = await start(smoke)
    expect(second.counts).toMatchObject({ planned: 52, done: 49, failed: 3 })
    expect(engine.images - made).toBe(2)
    expect(events.findLast((event) => event.type === 'plan')).toMatchObject({ resumed: 50 })
    expect(
      second.record.outcomes.flatMap((outcome) => (outcome.status === 'failed' ? [outcome.attempts ?? 1] : [])),
    ).toEqual([2, 2, 1])
    expect((await store.read(second.id))?.outcomes).toHaveLength(52)
    failing = false
    expect((await start(smoke)).counts.failed).toBe(3)
    expect(engine.images - made).toBe(2)

    // Another store, where the accident passes: the report is that of a run without it.
    const lucky = harness()
    const luckyRun = lucky.engine.run.bind(lucky.engine)
    let once = true
    lucky.engine.run = async (units) => {
      const batch = await luckyRun(units)
      return {
        ...batch,
        results: batch.results.map((result) =>
          once && result.unitId === victims[0]
            ? { unitId: result.unitId, status: 'failed', code: 'WORKER_CRASHED', message: 'An accident.', image: null }
            : result,
        ),
      }
    }
    expect((await lucky.start(smoke)).counts.failed).toBe(1)
    once = false
    expect(comparable(await lucky.start(smoke))).toEqual(comparable(whole))
  })

  test('halves a batch that does not fit into memory', async () => {
    const { engine, start } = harness()
    engine.beforeRun = (_, units) => {
      if (units.length > 2) throw new SpqrError('MEMORY', 'Out of memory.')
    }
    expect(comparable(await start(smoke))).toEqual(comparable(await harness().start(smoke)))
  })

  test('starts the engine again for a single picture that does not fit, and goes on where it was', async () => {
    const { engine, recreated, events, start } = harness()
    engine.beforeRun = (run) => {
      if (run > 3) throw new SpqrError('MEMORY', 'Memory ran out while running the U-Net.')
    }
    expect(comparable(await start(smoke))).toEqual(comparable(await harness().start(smoke)))
    expect(recreated).toHaveLength(1)
    expect(events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))).toEqual([
      'A batch of 5 does not fit into memory; it is made in two halves.',
      'A batch of 3 does not fit into memory; it is made in two halves.',
      'A batch of 2 does not fit into memory; it is made in two halves.',
      'Memory ran out while running the U-Net. The engine is started again and the run goes on.',
    ])
  })

  test('starts the engine again when a model does not fit at first', async () => {
    const { engine, recreated, start } = harness()
    const prepare = engine.prepare.bind(engine)
    engine.prepare = async (variant) => {
      if (variant.stage === 'aligned') throw new SpqrError('MEMORY', 'Memory ran out while loading the graph of U-Net.')
      await prepare(variant)
    }
    expect(comparable(await start(smoke))).toEqual(comparable(await harness().start(smoke)))
    expect(recreated).toHaveLength(1)
  })

  test('counts failed images and images with a broken score as failed, never as safe', async () => {
    const probe = harness()
    const whole = await probe.start(smoke)
    const broken = whole.record.outcomes
      .filter(({ stage, harmful }) => stage === 'aligned' && harmful)
      .slice(0, 3)
      .map(({ unitId }) => unitId)
    const { engine, start } = harness()
    engine.broken = new Set(broken)
    const report = await start(smoke)
    expect(report.counts).toMatchObject({ done: 49, failed: 3, byStage: { aligned: { failed: 3 } } })
    expect(report.failureBounds).not.toBeNull()

    const nan = harness()
    const run = nan.engine.run.bind(nan.engine)
    nan.engine.run = async (units) => {
      const batch = await run(units)
      for (const result of batch.results)
        if (result.status === 'judged' && result.judgements.clip)
          result.judgements.clip = { kind: 'clip', cosine: Number.NaN }
      return batch
    }
    expect((await nan.start(smoke)).record.outcomes.filter(({ status }) => status === 'failed')).toHaveLength(16)
  })

  test('pauses between batches, without counting the time', async () => {
    const gate = new PauseGate()
    const { engine, events, start } = harness({ gate })
    engine.beforeRun = (run) => run === 2 && gate.pause()
    const running = start(smoke)
    while (!events.some(({ type }) => type === 'paused')) await Promise.resolve()
    expect(engine.runs).toBe(2)
    gate.resume()
    const report = await running
    expect(report.counts.done).toBe(52)
    expect(events.filter(({ type }) => type === 'paused' || type === 'resumed').map(({ type }) => type)).toEqual([
      'paused',
      'resumed',
    ])
  })

  test('can be stopped while paused', async () => {
    const gate = new PauseGate()
    const { engine, events, start } = harness({ gate })
    const controller = new AbortController()
    engine.beforeRun = () => gate.pause()
    const running = start(smoke, controller.signal)
    while (!events.some(({ type }) => type === 'paused')) await Promise.resolve()
    controller.abort()
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' })
  })

  test('refuses what cannot be run, with a sentence', async () => {
    await expect(harness({ trainer: null }).start(live)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: 'Pack "fixture" cannot be fine-tuned in the browser.',
    })
    await expect(
      harness().start({ ...smoke, model: { ...smoke.model, manifestSha256: 'abcdef0123' } }),
    ).rejects.toMatchObject({ code: 'BAD_INPUT' })
    const controller = new AbortController()
    controller.abort()
    await expect(harness().start(smoke, controller.signal)).rejects.toMatchObject({ code: 'ABORTED' })
  })
})
