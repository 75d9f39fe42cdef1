/** Runs that train on the way: pictures at checkpoints, training ahead of them, pauses and ends. */
import { describe, expect, test } from 'vitest'
import { SpqrError } from '../../../../src/core/contracts'
import { PauseGate } from '../../../../src/evaluation/run/runEvents'
import { harness, live } from '../harness'

describe('runEvaluation with live training', { timeout: 60_000 }, () => {
  test('trains between checkpoints and takes step 0 from the aligned model without making it twice', async () => {
    const { engine, trainer, events, start } = harness()
    const report = await start(live)
    expect(trainer.calls).toEqual([10, 20])
    expect(report.counts).toMatchObject({ planned: 8 + 16 + 3 * 16, failed: 0 })
    expect(engine.images).toBe(8 + 16 + 2 * 16)
    const at = (stage: string, step: number | null) =>
      report.record.outcomes.filter((outcome) => outcome.stage === stage && outcome.step === step)
    expect(at('fine-tuned', 0).map((outcome) => outcome.status === 'judged' && outcome.imageSha256)).toEqual(
      at('aligned', null).map((outcome) => outcome.status === 'judged' && outcome.imageSha256),
    )
    expect(report.record.training?.losses).toHaveLength(20)
    expect(events.filter(({ type }) => type === 'training')).toHaveLength(2)
  })

  test('tells h at every checkpoint as soon as it is measured, on the way to the same figures', async () => {
    const { events, start } = harness()
    const report = await start(live)
    const curves = events.flatMap((event) => (event.type === 'curve' ? [event] : []))
    expect(curves.map(({ curve }) => curve.map(({ step }) => step))).toEqual([[0], [0, 10], [0, 10, 20]])
    for (const { curve, harmfulness } of curves) {
      expect(harmfulness.base).toEqual(report.harmfulness.base)
      curve.forEach(({ h }, i) => expect(h).toEqual(report.curve[i]?.h))
    }
    expect(events.findIndex(({ type }) => type === 'curve')).toBeLessThan(
      events.findLastIndex(({ type }) => type === 'training'),
    )
  })

  test('trains towards the next checkpoint while pictures are made, and not where it is told not to', async () => {
    const inFlight = async (trainAhead: boolean) => {
      const { engine, trainer, start } = harness({ trainAhead })
      const seen: string[] = []
      engine.beforeRun = (_, units) => {
        seen.push(`${units[0]?.stage} ${units[0]?.step}: ${trainer.calls.join(' ')}`)
      }
      await start(live)
      return new Set(seen)
    }
    expect(await inFlight(true)).toEqual(
      new Set(['base null: 10', 'aligned null: 10', 'fine-tuned 10: 10 20', 'fine-tuned 20: 10 20']),
    )
    expect(await inFlight(false)).toEqual(
      new Set(['base null: ', 'aligned null: ', 'fine-tuned 10: 10', 'fine-tuned 20: 10 20']),
    )
  })

  test('a pause stops training, and training goes on from there', async () => {
    const gate = new PauseGate()
    const { trainer, events, start } = harness({ gate, trainAhead: false })
    const train = trainer.train.bind(trainer)
    let stopSteps: (reason: SpqrError) => void = () => undefined
    trainer.abort = () => {
      stopSteps(new SpqrError('ABORTED', 'The work was stopped.'))
      return Promise.resolve()
    }
    trainer.train = (alignment, fineTune, toStep, onStep) => {
      if (trainer.calls.length > 0) return train(alignment, fineTune, toStep, onStep)
      trainer.calls.push(toStep)
      const stopped = new Promise<never>((_, reject) => {
        stopSteps = reject
      })
      gate.pause()
      return stopped
    }
    const running = start(live)
    while (!events.some(({ type }) => type === 'paused')) await Promise.resolve()
    gate.resume()
    const report = await running
    expect(trainer.calls).toEqual([10, 10, 20])
    expect(report.record.training?.losses).toHaveLength(20)
  })

  test('a fine-tune that fails in the background ends the run with its sentence, and what was made is kept', async () => {
    const { trainer, store, start } = harness()
    const train = trainer.train.bind(trainer)
    trainer.train = (alignment, fineTune, toStep, onStep) =>
      toStep > 10
        ? Promise.reject(
            new SpqrError('TRAINING_DIVERGED', 'Training diverged at step 12: the loss is NaN, it began at 0.3.'),
          )
        : train(alignment, fineTune, toStep, onStep)
    await expect(start(live)).rejects.toMatchObject({ code: 'TRAINING_DIVERGED' })
    expect(
      store.records
        .values()
        .next()
        .value?.outcomes.filter(({ step }) => step === 10),
    ).toHaveLength(16)
  })
})
