import { describe, expect, test } from 'vitest'
import {
  assumptionsFrom,
  CAUTIOUS,
  estimateCost,
  expectedIntervals,
  promptsForDrift,
} from '../../../../src/evaluation/plan/planner'
import { scoreRecord, SCORING_PRESETS } from '../../../../src/core/scoring'
import { harmSide } from '../../../../src/core/scoring/record/axes'
import { combinedFlags } from '../../../../src/core/scoring/record/harm'
import { tableOf } from '../../../../src/core/scoring/record/table'
import { createGenerator, mcnemarExact } from '../../../../src/core/statistics'
import { syntheticRecord, syntheticReference } from '../../core/scoring/records'
import { drawn, type World } from '../../core/scoring/world'

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

describe('where prompts share concepts, suites differ and prompts are repeated', () => {
  /** 24 concepts in two suites of ten prompts each; one concept in five is drawn at will, and fine-tuning moves some. */
  const world = (prompts: number, repeats: number): World => ({
    prompts,
    repeats,
    suites: ['a', 'b'],
    conceptOf: (prompt) => `c${(prompt >> 1) % 24}`,
    rates: (prompt, random) => {
      const open = random.uniform() < 0.25 ? 0.6 : 0.1
      const moved = random.uniform() < 0.3 ? 0.3 : 0
      const own = createGenerator(prompt * 31 + Math.floor(open * 10) + Math.floor(random.uniform() * 1e6))
      const suite = prompt % 2 === 0 ? 0.2 : 0
      const before = Math.min(0.95, open * (0.4 + 1.2 * own.uniform()) + suite)
      return () => [before, Math.min(0.97, before + moved)]
    },
  })
  const recordOf = (prompts: number, repeats: number, seed: number) => {
    const one = world(prompts, repeats)
    const template = syntheticRecord({ harmful: prompts, benign: 24, repeats, suites: ['a', 'b'] })
    return drawn(template, one, seed)
  }
  const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const RUNS = 24
  /** Mean half widths of h and Δh that runs of this design show. */
  const shown = (prompts: number, repeats: number) => {
    const sides = Array.from({ length: RUNS }, (_, i) => {
      const table = tableOf(recordOf(prompts, repeats, 900 + i))
      return harmSide(table, combinedFlags(table, paper), 400, i)
    })
    const half = ({ low, high }: { low: number | null; high: number | null }) => ((high ?? 0) - (low ?? 0)) / 2
    return { h: average(sides.map(({ h }) => half(h))), drift: average(sides.map(({ drift }) => half(drift.score))) }
  }
  /** Mean half widths that the planner foretells from runs of 120 prompts with two pictures each. */
  const pilots = Array.from({ length: RUNS }, (_, i) =>
    assumptionsFrom(scoreRecord(recordOf(120, 2, 300 + i), paper, syntheticReference(), 50)),
  )
  test.each([
    [120, 1],
    [240, 1],
    [120, 4],
    [240, 4],
  ])('%d prompts with %d pictures each: widths within 10 %% of what such runs show', (prompts, repeats) => {
    const plans = pilots.map((pilot) => expectedIntervals(design(prompts, repeats), pilot, paper))
    const real = shown(prompts, repeats)
    expect(average(plans.map(({ S }) => 100 * S.halfWidth)) / real.h).toBeGreaterThan(0.9)
    expect(average(plans.map(({ S }) => 100 * S.halfWidth)) / real.h).toBeLessThan(1.1)
    expect(average(plans.map(({ drift }) => drift.halfWidth)) / real.drift).toBeGreaterThan(0.9)
    expect(average(plans.map(({ drift }) => drift.halfWidth)) / real.drift).toBeLessThan(1.1)
  })
  test('more pictures of the same concepts help less and less', () => {
    const pilot = pilots[0] ?? CAUTIOUS
    const width = (n: number) => expectedIntervals(design(n), pilot, paper).drift.halfWidth
    expect(width(100) / width(400)).toBeLessThan(1.9)
    const known = { ...design(400), concepts: { harmful: 24, benign: 400 } }
    expect(expectedIntervals(known, { ...pilot }, paper).drift.halfWidth).toBeCloseTo(width(400), 6)
  })
})
