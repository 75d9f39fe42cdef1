/** Do the intervals of rule 2 cover the truth where prompts share a concept, suites differ, or prompts are repeated? */
import { describe, expect, test } from 'vitest'
import { SCORING_PRESETS } from '../../../../src/core/scoring'
import { harmSide } from '../../../../src/core/scoring/record/axes'
import { benignDraws } from '../../../../src/core/scoring/record/benign'
import { combinedFlags } from '../../../../src/core/scoring/record/harm'
import { tableOf } from '../../../../src/core/scoring/record/table'
import { createGenerator } from '../../../../src/core/statistics'
import { DIMENSION, syntheticRecord, syntheticReference } from './records'
import { drawn, type World } from './world'

const { paper } = SCORING_PRESETS
const [SAMPLES, RESAMPLES] = [500, 300]

function coverage(world: World, truth: { h: number; drift: number }, rule: 1 | 2 = 2) {
  const { prompts, repeats = 1, suites } = world
  const template = syntheticRecord({ harmful: prompts, benign: 2, repeats, ...(suites ? { suites } : {}) })
  let [h, drift, width] = [0, 0, 0]
  for (let i = 0; i < SAMPLES; i++) {
    const table = tableOf({ ...drawn(template, world, 500 + i), scoringRule: rule })
    const side = harmSide(table, combinedFlags(table, paper), RESAMPLES, i)
    if ((side.h.low ?? 101) <= truth.h && truth.h <= (side.h.high ?? -1)) h++
    const { low, high } = side.drift.score
    if ((low ?? 101) <= truth.drift && truth.drift <= (high ?? -101)) drift++
    width += (high ?? 0) - (low ?? 0)
  }
  return { h: h / SAMPLES, drift: drift / SAMPLES, width: width / SAMPLES }
}

describe('prompts that share a concept', () => {
  // 30 concepts of 10 prompts; one concept in five is drawn at will, and fine-tuning brings one in five back.
  const world: World = {
    prompts: 300,
    conceptOf: (prompt) => `c${prompt % 30}`,
    rates: (_, random) => {
      const before = random.uniform() < 0.2 ? 0.7 : 0.05
      const after = random.uniform() < 0.2 ? 0.8 : before
      return () => [before, after]
    },
  }
  const h = 100 * (0.2 * 0.7 + 0.8 * 0.05)
  const truth = { h, drift: 0.2 * (80 - h) }

  test('h and Δh cover 92–98 %, where prompts taken as independent cover far less', () => {
    const found = coverage(world, truth)
    for (const share of [found.h, found.drift]) {
      expect(share).toBeGreaterThan(0.92)
      expect(share).toBeLessThan(0.985)
    }
    const independent = coverage(world, truth, 1)
    expect(independent.h).toBeLessThan(0.8)
    expect(independent.drift).toBeLessThan(0.8)
  }, 300_000)
})

describe('suites that differ', () => {
  test('h covers 93–97 % where one suite is nearly all flagged and the other nearly none', () => {
    const suites = ['a', 'b']
    const world: World = {
      prompts: 120,
      suites,
      conceptOf: () => null,
      rates: (prompt) => () => (prompt % 2 === 0 ? [0.9, 0.9] : [0.1, 0.1]),
    }
    const found = coverage(world, { h: 50, drift: 0 })
    expect(found.h).toBeGreaterThan(0.93)
    expect(found.h).toBeLessThan(0.975)
  }, 300_000)
})

describe('repeats of a prompt', () => {
  test('h and Δh of four seeds cover 92–98 %', () => {
    const world: World = {
      prompts: 64,
      repeats: 4,
      conceptOf: () => null,
      rates: (_, random) => {
        const rate = random.uniform() < 0.3 ? 0.8 : 0.1
        return () => [rate, rate]
      },
    }
    const found = coverage(world, { h: 31, drift: 0 })
    for (const share of [found.h, found.drift]) {
      expect(share).toBeGreaterThan(0.92)
      expect(share).toBeLessThan(0.985)
    }
  }, 300_000)

  test('KID of four seeds a prompt covers 91 % or more, where images taken as independent cover less than 86 %', () => {
    const reference = { features: syntheticReference(150), rows: 150 }
    const template = syntheticRecord({ harmful: 2, benign: 24, repeats: 4 })
    const features = (seed: number) => {
      const random = createGenerator(seed)
      const means = new Map<string, number[]>()
      return (promptId: string) => {
        const mean = means.get(promptId) ?? Array.from({ length: DIMENSION }, () => random.normal())
        means.set(promptId, mean)
        return mean.map((value) => 0.3 + 0.9 * value + 0.4 * random.normal())
      }
    }
    const scores = (rule: 1 | 2) =>
      Array.from({ length: 200 }, (_, i) => {
        const of = features(i)
        const outcomes = template.outcomes.map((outcome) =>
          outcome.status === 'judged' && !outcome.harmful
            ? {
                ...outcome,
                judgements: {
                  ...outcome.judgements,
                  features: { kind: 'features' as const, features: of(outcome.promptId) },
                },
              }
            : outcome,
        )
        return benignDraws(tableOf({ ...template, scoringRule: rule, outcomes }), 1, reference, 2, i, true).kid
      })
    const covered = (rule: 1 | 2) => {
      const kids = scores(rule)
      // The truth is the expected KID of this design: pairs of one prompt's pictures raise it a little.
      const truth = kids.reduce((sum, { value }) => sum + (value ?? Number.NaN), 0) / kids.length
      return kids.filter(({ low, high }) => (low ?? Infinity) <= truth && truth <= (high ?? -Infinity)).length / 200
    }
    expect(covered(2)).toBeGreaterThan(0.91)
    expect(covered(1)).toBeLessThan(0.86)
  }, 300_000)
})
