/** Do the intervals of P, Q and SPQR cover the truth? Whole records are drawn from known rates and distributions. */
import { describe, expect, it } from 'vitest'
import type { Outcome, RunRecord } from '../../../../src/core/contracts'
import { quality, robustness, safety, SCORING_PRESETS, spqr } from '../../../../src/core/scoring'
import { harmSide, scoresUnder } from '../../../../src/core/scoring/record/axes'
import { benignDraws } from '../../../../src/core/scoring/record/benign'
import { combinedFlags } from '../../../../src/core/scoring/record/harm'
import { tableOf } from '../../../../src/core/scoring/record/table'
import { frechetDistance } from '../../../../src/core/metrics'
import { frechetInfluence } from '../../../../src/core/scoring/record/fidInfluence'
import { binomialPmf, bootstrapTotals, createGenerator, percentileInterval, wilson } from '../../../../src/core/statistics'
import { DIMENSION, syntheticRecord, syntheticReference } from './records'

const { paper } = SCORING_PRESETS
const reference = { features: syntheticReference(400), rows: 400 }
const bounds = { min: 0.2, max: 3 }
const preset = { ...paper, name: 'custom' as const, fidBounds: bounds }

/** Independent flags with P(before), P(safe → unsafe), P(unsafe → safe), cosines and features from normal laws. */
function sample(template: RunRecord, seed: number, truth: Truth): RunRecord {
  const random = createGenerator(seed)
  const before = new Map<string, boolean>()
  const outcomes = template.outcomes.map((outcome): Outcome => {
    if (outcome.status !== 'judged') return outcome
    if (!outcome.harmful) {
      return { ...outcome, judgements: {
        clip: { kind: 'clip', cosine: 0.24 + 0.04 * random.normal() },
        features: { kind: 'features', features: Array.from({ length: DIMENSION }, (_, j) => random.normal() * (1 + j / 8) + 0.3) },
      } }
    }
    let flag = random.uniform() < truth.before
    if (outcome.stage === 'aligned') before.set(outcome.promptId, flag)
    if (outcome.stage === 'fine-tuned') {
      const was = before.get(outcome.promptId) ?? false
      flag = was ? random.uniform() >= truth.toSafe / truth.before : random.uniform() < truth.toUnsafe / (1 - truth.before)
    }
    return { ...outcome, judgements: { alpha: { kind: 'safety-multilabel', scores: [flag ? 0.9 : 0.1], legible: null }, beta: { kind: 'safety-multilabel', scores: [0], legible: null } } }
  })
  return { ...template, outcomes }
}

interface Truth { before: number; toUnsafe: number; toSafe: number }

function simulate(n: number, truth: Truth, samples: number, resamples: number) {
  const template = syntheticRecord({ harmful: n, benign: n })
  const runs = Array.from({ length: samples }, (_, i) => {
    const table = tableOf(sample(template, 1000 + i, truth))
    const benign = benignDraws(table, 1, reference, resamples, i, false)
    return { scores: scoresUnder(table, preset, harmSide(table, combinedFlags(table, preset), resamples, i), benign), fid: benign.fid?.value ?? Number.NaN }
  })
  // Small-sample FID is biased, and so are its bounds: the truth is the expected FID at this n.
  const fid = runs.reduce((sum, run) => sum + run.fid, 0) / samples
  const axes = { S: safety(100 * truth.before), P: 0.24 / 0.3, Q: quality(fid, bounds, 0.05), R: robustness(100 * (truth.toUnsafe - truth.toSafe)) }
  const truths = { ...axes, SPQR: spqr(axes) }
  const covered = (name: keyof typeof truths) =>
    runs.filter(({ scores }) => (scores[name].low ?? Infinity) <= truths[name] + 1e-9 && truths[name] - 1e-9 <= (scores[name].high ?? -Infinity)).length / samples
  return { S: covered('S'), P: covered('P'), Q: covered('Q'), R: covered('R'), SPQR: covered('SPQR') }
}

describe('95 % intervals of the axes and of SPQR', () => {
  // Measured once with 800 samples and 400 resamples: S 94.9–96.6, P 92.9–94.5, Q 94.1–95.8, R 95.0–96.6, SPQR 96.0–96.8 %.
  const cases: [number, Truth][] = [
    [64, { before: 0.05, toUnsafe: 0.06, toSafe: 0.02 }],
    [100, { before: 0.9, toUnsafe: 0.03, toSafe: 0.08 }],
  ]
  for (const [n, truth] of cases) {
    it(`n = ${n}, h = ${100 * truth.before} %, Δh = ${(100 * (truth.toUnsafe - truth.toSafe)).toFixed(1)}`, () => {
      const covered = simulate(n, truth, 300, 300)
      // 300 samples: a standard error of 1.3 points around 95 %.
      for (const name of ['S', 'P', 'Q', 'R', 'SPQR'] as const) {
        expect(covered[name], name).toBeGreaterThan(0.915)
        expect(covered[name], name).toBeLessThan(0.99)
      }
    }, 120_000)
  }
})

describe('at the edges of h', () => {
  /** Wilson's exact coverage: a count is discrete, so it swings around 95 % with p and n (91 % at p = 0.005, n = 100). */
  const wilsonCoverage = (n: number, p: number) => Array.from({ length: n + 1 }, (_, x) => ({ mass: binomialPmf(x, n, p), ...wilson(x, n) }))
    .reduce((sum, { mass, low, high }) => (low <= p && p <= high ? sum + mass : sum), 0)
  const edges: [number, Truth][] = [
    [100, { before: 0.005, toUnsafe: 0.03, toSafe: 0.002 }],
    [100, { before: 0.995, toUnsafe: 0.002, toSafe: 0.03 }],
  ]
  for (const [n, truth] of edges) {
    it(`S covers exactly as Wilson does, R and SPQR at least 91.5 %, at h = ${100 * truth.before} %, n = ${n}`, () => {
      const covered = simulate(n, truth, 300, 300)
      // Three standard errors of 300 samples.
      expect(Math.abs(covered.S - wilsonCoverage(n, truth.before))).toBeLessThan(0.05)
      for (const name of ['R', 'SPQR'] as const) expect(covered[name], name).toBeGreaterThan(0.915)
    }, 120_000)
  }
})

describe('Q with features of 64 dimensions', () => {
  /** Pictures of eight kinds, as a feature network sees them: a centre each, falling variances. */
  const D = 64
  const centres = Array.from({ length: 8 * D }, ((random) => () => random.normal())(createGenerator(77)))
  function pictures(rows: number, seed: number): Float32Array {
    const random = createGenerator(seed)
    const features = new Float32Array(rows * D)
    for (let i = 0; i < rows; i++) {
      const kind = Math.floor(random.uniform() * 8)
      for (let j = 0; j < D; j++) features[i * D + j] = ((centres[kind * D + j] ?? 0) + 0.7 * random.normal()) / (1 + j * 0.05)
    }
    return features
  }
  it('the interval of FID covers its expectation at this n in 92 % of samples or more (n = 64)', () => {
    // Measured once with 200 samples: 97.5 % at n = 64, 96.0 % at n = 240.
    const [n, samples] = [64, 80]
    const real = pictures(400, 1)
    const runs = Array.from({ length: samples }, (_, s) => {
      const features = pictures(n, 100 + s)
      const fid = frechetDistance(features, n, real, 400, D)
      const [shift] = bootstrapTotals({ strata: new Uint8Array(n), columns: [frechetInfluence(features, n, real, 400, D)] }, 300, s)
      return { fid, interval: percentileInterval((shift ?? new Float64Array()).map((total) => fid + total / n), fid) }
    })
    const truth = runs.reduce((sum, { fid }) => sum + fid, 0) / samples
    const covered = runs.filter(({ interval }) => interval && interval.low <= truth && truth <= interval.high).length / samples
    expect(covered).toBeGreaterThan(0.915)
  }, 120_000)
})
