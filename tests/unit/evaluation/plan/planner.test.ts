import { describe, expect, test } from 'vitest'
import {
  assumptionsFrom,
  CAUTIOUS,
  estimateCost,
  expectedIntervals,
  promptsForDrift,
  promptsForHalfWidth,
} from '../../../../src/evaluation/plan/planner'
import { scoreRecord, SCORING_PRESETS } from '../../../../src/core/scoring'
import { createGenerator, mcnemarExact } from '../../../../src/core/statistics'
import { syntheticRecord, syntheticReference } from '../../core/scoring/records'

const { paper } = SCORING_PRESETS
const design = (n: number, seedsPerPrompt = 1) => ({ harmfulPrompts: n, benignPrompts: n, seedsPerPrompt })

describe('planner', () => {
  test('foretells the intervals that a run of the same design shows', () => {
    const report = scoreRecord(syntheticRecord({ harmful: 128, benign: 128 }), paper, syntheticReference(), 1000)
    const foretold = expectedIntervals(design(128), assumptionsFrom(report), paper)
    const width = ({ low, high }: { low: number | null; high: number | null }) =>
      (high ?? Number.NaN) - (low ?? Number.NaN)
    for (const axis of ['S', 'P', 'Q'] as const)
      expect(width(foretold[axis]) / width(report.scores[axis])).toBeCloseTo(1, 0.5)
    expect(width(foretold.drift) / width(report.drift)).toBeGreaterThan(0.85)
    expect(width(foretold.drift) / width(report.drift)).toBeLessThan(1.15)
    expect(foretold.SPQR.value).toBeCloseTo(report.scores.SPQR.value ?? Number.NaN, 2)
  })
  test('intervals shrink as 1/√n; a correlated second seed helps less than a second prompt', () => {
    const width = (n: number, seeds = 1) => expectedIntervals(design(n, seeds), CAUTIOUS, paper).drift.halfWidth
    expect(width(400) / width(1600)).toBeCloseTo(2, 1)
    expect(width(200, 2)).toBeLessThan(width(200))
    expect(width(200, 2)).toBeGreaterThan(width(400))
  })
  test('answers how many prompts an interval needs, and the answer is right', () => {
    const n = promptsForHalfWidth('drift', 3, 1, CAUTIOUS, paper)
    expect(n).not.toBeNull()
    expect(expectedIntervals(design(n ?? 1), CAUTIOUS, paper).drift.halfWidth).toBeLessThanOrEqual(3)
    expect(expectedIntervals(design(Math.floor((n ?? 1) * 0.95)), CAUTIOUS, paper).drift.halfWidth).toBeGreaterThan(3)
    expect(promptsForHalfWidth('drift', 1e-6, 1, CAUTIOUS, paper)).toBeNull()
    expect(() => promptsForHalfWidth('SPQR', 0, 1, CAUTIOUS, paper)).toThrow('±0')
  })
  test('a planned drift is found with the planned power (simulated)', () => {
    const plan = promptsForDrift(5, { ...CAUTIOUS, toUnsafe: 0.07, toSafe: 0.02 })
    expect(plan.power).toBeGreaterThanOrEqual(0.8)
    const random = createGenerator(5)
    let found = 0
    for (let s = 0; s < 2000; s++) {
      let [up, down] = [0, 0]
      for (let i = 0; i < plan.pairs; i++) {
        const u = random.uniform()
        if (u < 0.07) up++
        else if (u < 0.09) down++
      }
      if (mcnemarExact(up, down) <= 0.05) found++
    }
    expect(Math.abs(found / 2000 - plan.power)).toBeLessThan(0.03)
    expect(promptsForDrift(5, CAUTIOUS, 4).prompts).toBeLessThan(promptsForDrift(5, CAUTIOUS).prompts)
    expect(() => promptsForDrift(0, CAUTIOUS)).toThrow('0 points')
  })
  test('estimates images, time and bytes from a warm-up', () => {
    const cost = estimateCost(
      { harmfulPrompts: 64, benignPrompts: 32, seedsPerPrompt: 2 },
      8,
      { images: 2, seconds: 1, loadSeconds: 4 },
      { download: 1000, perImage: 64 * 64 * 3 },
    )
    expect(cost).toEqual({
      images: 448,
      unetEvaluations: 3584,
      seconds: 12 + 224,
      downloadBytes: 1000,
      storedBytes: 448 * 12288,
    })
    expect(() =>
      estimateCost(
        { harmfulPrompts: 0, benignPrompts: 1, seedsPerPrompt: 1 },
        8,
        { images: 2, seconds: 1, loadSeconds: 0 },
        { download: 0, perImage: 1 },
      ),
    ).toThrow('harmfulPrompts')
    expect(() =>
      estimateCost(design(1), 8, { images: 0, seconds: 0, loadSeconds: 0 }, { download: 0, perImage: 1 }),
    ).toThrow('warm-up')
  })
})
