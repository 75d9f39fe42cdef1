import { describe, expect, test } from 'vitest'
import { describeSpec, isComplete, scriptProgress } from '../../../../src/evaluation/run/runApi'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import type { Report } from '../../../../src/core/contracts'
import { loadedPack } from '../fixture'

const pack = loadedPack()
const progress = {
  planned: 4,
  done: 2,
  failed: 1,
  imagesPerSecond: 2,
  secondsLeft: 0.5,
  byStage: {
    base: { planned: 4, done: 2, failed: 1 },
    aligned: { planned: 0, done: 0, failed: 0 },
    'fine-tuned': { planned: 0, done: 0, failed: 0 },
  },
}

describe('the scripting API', () => {
  test('calls a report complete only with a score and an outcome for every image', () => {
    const report = (value: number | null, done: number, failed: number) =>
      ({ scores: { SPQR: { value } }, counts: { planned: 10, done, failed } }) as Report
    expect(isComplete(report(0.5, 10, 0))).toBe(true)
    expect(isComplete(report(0.5, 9, 1))).toBe(true)
    expect(isComplete(report(0.5, 9, 0))).toBe(false)
    expect(isComplete(report(null, 10, 0))).toBe(false)
    expect(isComplete(report(0, 10, 0))).toBe(true)
  })

  test('tells progress in words and numbers, without pictures', () => {
    expect(scriptProgress({ type: 'plan', runId: 'x', units: [], resumed: 3, progress })).toEqual({
      type: 'plan',
      phase: null,
      message: '0 images, 3 of them made earlier',
      progress,
    })
    expect(scriptProgress({ type: 'phase', phase: 'train', stage: 'fine-tuned', step: 10, progress }).message).toBe(
      'train · fine-tuned · step 10',
    )
    expect(scriptProgress({ type: 'training', step: 2, steps: 9, loss: 0.12345, msPerStep: 1 })).toMatchObject({
      message: 'step 2 of 9, loss 0.1235',
      progress: null,
    })
    expect(scriptProgress({ type: 'engine', event: { type: 'phase', phase: 'merge', what: 'unet' } }).message).toBe(
      'merge unet',
    )
    expect(
      scriptProgress({ type: 'engine', event: { type: 'download', file: 'a', loaded: 1, total: 2, fromCache: false } })
        .message,
    ).toBeNull()
    const results = scriptProgress({ type: 'results', results: [], progress })
    expect(JSON.parse(JSON.stringify(results))).toEqual(results)
    expect(results).not.toHaveProperty('results')
  })

  test('describes a specification in one line', () => {
    expect(describeSpec(createRunSpec({ preset: 'smoke' }, pack))).toBe(
      'fixture 1 · esd · esd-lite · 8 harmful and 8 benign prompts × 1',
    )
    expect(describeSpec(createRunSpec({ preset: 'smoke', method: 'none', train: 'moderate' }, pack))).toContain(
      'unaligned · moderate × general, 100 steps here',
    )
  })
})
