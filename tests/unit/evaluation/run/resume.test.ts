/** Runs that go on where they were, and what they take from other runs: to the same report, and never a mixture. */
import { describe, expect, test } from 'vitest'
import { SpqrError, type Environment, type RunSpec } from '../../../../src/core/contracts'
import { runEvaluation } from '../../../../src/evaluation/run/run'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { comparable, harness, live, pack, smoke } from '../harness'

describe('a stored run', { timeout: 60_000 }, () => {
  test('scores a finished run again without making an image', async () => {
    const { engine, start } = harness()
    const report = await start(smoke)
    const again = await start(smoke)
    expect(comparable(again)).toEqual(comparable(report))
    expect(engine.images).toBe(52)
  })

  test('takes base and aligned pictures from a run with another fine-tune, to the same report', async () => {
    const whole = comparable(await harness().start(live))
    const { engine, events, start } = harness()
    await start(smoke)
    const before = engine.images
    events.length = 0
    expect(comparable(await start(live))).toEqual(whole)
    expect(events[0]).toMatchObject({ type: 'plan', resumed: 3 * 8 })
    expect(engine.images - before).toBeLessThan(before)
  })

  test('resumes a live fine-tune to the same report', async () => {
    const whole = comparable(await harness().start(live))
    const { engine, trainer, start } = harness()
    const controller = new AbortController()
    engine.beforeRun = (run) => {
      if (run === 8) {
        controller.abort()
        throw new SpqrError('ABORTED', 'The work was stopped.')
      }
    }
    await expect(start(live, controller.signal)).rejects.toMatchObject({ code: 'ABORTED' })
    expect(comparable(await start(live))).toEqual(whole)
    expect(trainer.calls.at(-1)).toBe(20)
  })

  test('does not mix judges of one name in one record, nor references', async () => {
    const { start, ports, engine } = harness()
    await start(smoke)
    const images = engine.images
    const others = pack.judges
      .map((judge) => [
        { ...pack, judges: pack.judges.map((one) => (one === judge ? { ...one, sha256: 'ab'.repeat(32) } : one)) },
        ...(judge.kind === 'features'
          ? [
              {
                ...pack,
                judges: pack.judges.map((one) =>
                  one === judge ? { ...judge, reference: { sha256: 'cd'.repeat(32), n: 100 } } : one,
                ),
              },
            ]
          : []),
      ])
      .flat()
    expect(others).toHaveLength(5)
    for (const other of others) {
      await expect(
        runEvaluation(new AbortController().signal, ports, other, smoke, () => undefined),
      ).rejects.toMatchObject({
        code: 'BAD_INPUT',
        message: expect.stringMatching(/another version of judge "/) as unknown,
      })
    }
    expect(engine.images).toBe(images)
  })

  test('does not mix devices or versions in one record, nor threads of a training', async () => {
    const again = async (spec: RunSpec, changed: Partial<Environment>) => {
      const { start, ports } = harness()
      await start(spec)
      return runEvaluation(
        new AbortController().signal,
        ports,
        { ...pack, environment: { ...pack.environment, ...changed } },
        spec,
        () => undefined,
      )
    }
    for (const changed of [
      { executionProvider: 'webgpu' as const },
      { precision: 'float16' },
      { adapter: 'another' },
      { onnxruntime: '2' },
      { app: '9' },
    ]) {
      await expect(again(smoke, changed)).rejects.toMatchObject({
        code: 'BAD_INPUT',
        message: expect.stringMatching(/cannot go on with/) as unknown,
      })
    }
    await expect(again(live, { threads: 1 })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/begun on .*2 threads and cannot go on with .*1 threads/) as unknown,
    })
    expect((await again(smoke, { threads: 1 })).counts.failed).toBe(0)
  })

  test('takes pictures from another run under its own labels, and makes what was judged as something else', async () => {
    const { engine, ports, start } = harness()
    await start(smoke)
    const before = engine.images
    const benign = {
      prompts: pack.prompts
        .filter(({ suite }) => suite === 'harmful-direct')
        .map((prompt) => ({ ...prompt, category: 'other' })),
    }
    const manifest = {
      ...pack.manifest,
      prompts: pack.manifest.prompts.map((entry) =>
        entry.suite === 'harmful-implicit' ? entry : { ...entry, harmful: entry.suite === 'benign' },
      ),
    }
    // The same texts and noise, one suite harmful before and harmless now.
    const relabelled = {
      ...pack,
      manifest,
      prompts: [...benign.prompts, ...pack.prompts.filter(({ suite }) => suite !== 'harmful-direct')],
    }
    const spec = createRunSpec({ preset: 'smoke', n: 12, 'n-benign': 16, suites: ['harmful-implicit'] }, relabelled)
    const report = await runEvaluation(new AbortController().signal, ports, relabelled, spec, () => undefined)
    expect(
      report.record.outcomes
        .filter(({ suite }) => suite === 'harmful-direct')
        .every(({ harmful, category }) => !harmful && category === 'other'),
    ).toBe(true)
    expect(report.scores.P.value).not.toBeNull()
    expect(engine.images).toBeGreaterThan(before)
  })
})
