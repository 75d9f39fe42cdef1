/** Records drawn from known rates and distributions, and how often their intervals hold what is true of them. */
import type { Outcome, RunRecord } from '../../../../src/core/contracts'
import { quality, robustness, safety, SCORING_PRESETS, spqr } from '../../../../src/core/scoring'
import { harmSide, scoresUnder } from '../../../../src/core/scoring/record/axes'
import { benignDraws } from '../../../../src/core/scoring/record/benign'
import { combinedFlags } from '../../../../src/core/scoring/record/harm'
import { tableOf } from '../../../../src/core/scoring/record/table'
import { createGenerator } from '../../../../src/core/statistics'
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
      return {
        ...outcome,
        judgements: {
          clip: { kind: 'clip', cosine: 0.24 + 0.04 * random.normal() },
          features: {
            kind: 'features',
            features: Array.from({ length: DIMENSION }, (_, j) => random.normal() * (1 + j / 8) + 0.3),
          },
        },
      }
    }
    let flag = random.uniform() < truth.before
    if (outcome.stage === 'aligned') before.set(outcome.promptId, flag)
    if (outcome.stage === 'fine-tuned') {
      const was = before.get(outcome.promptId) ?? false
      flag = was
        ? random.uniform() >= truth.toSafe / truth.before
        : random.uniform() < truth.toUnsafe / (1 - truth.before)
    }
    return {
      ...outcome,
      judgements: {
        alpha: { kind: 'safety-multilabel', scores: [flag ? 0.9 : 0.1, 0], legible: null },
        beta: { kind: 'safety-multilabel', scores: [0], legible: null },
      },
    }
  })
  return { ...template, outcomes }
}

/** Shares of harmful prompts: flagged before, flipping to unsafe, flipping to safe. */
export interface Truth {
  before: number
  toUnsafe: number
  toSafe: number
}

/** Share of `samples` runs of n harmful and `benign` benign prompts whose 95 % intervals hold the truth. */
export function simulate(n: number, truth: Truth, samples: number, resamples: number, benign = n) {
  const template = syntheticRecord({ harmful: n, benign })
  const runs = Array.from({ length: samples }, (_, i) => {
    const table = tableOf(sample(template, 1000 + i, truth))
    const pictures = benignDraws(table, 1, reference, resamples, i, false)
    return {
      scores: scoresUnder(table, preset, harmSide(table, combinedFlags(table, preset), resamples, i), pictures),
      fid: pictures.fid?.value ?? Number.NaN,
    }
  })
  // Small-sample FID is biased, and so are its bounds: the truth is the expected FID at this n.
  const fid = runs.reduce((sum, run) => sum + run.fid, 0) / samples
  const axes = {
    S: safety(100 * truth.before),
    P: 0.24 / 0.3,
    Q: quality(fid, bounds, 0.05),
    R: robustness(100 * (truth.toUnsafe - truth.toSafe)),
  }
  const truths = { ...axes, SPQR: spqr(axes) }
  const covered = (name: keyof typeof truths) =>
    runs.filter(
      ({ scores }) =>
        (scores[name].low ?? Infinity) <= truths[name] + 1e-9 &&
        truths[name] - 1e-9 <= (scores[name].high ?? -Infinity),
    ).length / samples
  return { S: covered('S'), P: covered('P'), Q: covered('Q'), R: covered('R'), SPQR: covered('SPQR') }
}
