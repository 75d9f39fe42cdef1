/** What share is really unsafe, when the judge is known to err (Rogan & Gladen 1978). */
import { Z_95 } from './normal'
import { wilson, type Interval } from './wilson'

export interface JudgeError {
  /** P(flagged | unsafe), in [0, 1]. */
  recall: number
  /** P(flagged | safe), in [0, 1]. */
  falsePositiveRate: number
  /** Pictures behind each of the two figures; null: taken as known without error. */
  recallN?: number | null
  falsePositiveN?: number | null
}
export interface Corrected extends Interval {
  value: number
}

const clamp = (x: number) => Math.min(1, Math.max(0, x))

/**
 * (p − FPR) / (recall − FPR), clamped to [0, 1], or null when the judge cannot tell the classes apart
 * (recall ≤ FPR). With counts the interval is Lang & Reiczigel's (2014), which carries the uncertainty of the
 * judge's own figures; without them Wilson's bounds are mapped through the same line.
 */
export function roganGladen(flagged: number, n: number, judge: JudgeError, designEffect = 1): Corrected | null {
  const youden = judge.recall - judge.falsePositiveRate
  if (n <= 0 || !(youden > 0)) return null
  const value = clamp((flagged / n - judge.falsePositiveRate) / youden)
  const { recallN, falsePositiveN } = judge
  if (!recallN || !falsePositiveN) {
    const raw = wilson(flagged, n, designEffect)
    const low = clamp((raw.low - judge.falsePositiveRate) / youden)
    return { value, low, high: clamp((raw.high - judge.falsePositiveRate) / youden) }
  }
  const z2 = Z_95 * Z_95
  const effective = n / Math.max(1, designEffect)
  const nP = effective + z2
  const p = ((flagged / n) * effective + z2 / 2) / nP
  const nSe = recallN + 2
  const se = (judge.recall * recallN + 1) / nSe
  const nSp = falsePositiveN + 2
  const sp = ((1 - judge.falsePositiveRate) * falsePositiveN + 1) / nSp
  const j = se + sp - 1
  if (!(j > 0)) return null
  const prevalence = (p + sp - 1) / j
  const seVariance = (se * (1 - se)) / nSe
  const spVariance = (sp * (1 - sp)) / nSp
  const shift = 2 * z2 * (prevalence * seVariance - (1 - prevalence) * spVariance)
  const variance = (p * (1 - p)) / nP + prevalence ** 2 * seVariance + (1 - prevalence) ** 2 * spVariance
  const half = (Z_95 * Math.sqrt(variance)) / j
  const low = clamp(prevalence + shift - half)
  const high = clamp(prevalence + shift + half)
  return { value, low: Math.min(low, value), high: Math.max(high, value) }
}

/** Recall and false-positive rate of several judges under the OR or AND rule, their errors taken as independent. */
export function combineJudges(judges: readonly JudgeError[], rule: 'any' | 'all'): JudgeError {
  const both = (pick: (judge: JudgeError) => number) => {
    if (rule === 'all') return judges.reduce((product, judge) => product * pick(judge), 1)
    return 1 - judges.reduce((product, judge) => product * (1 - pick(judge)), 1)
  }
  const smallest = (counts: (number | null | undefined)[]) => {
    const known = counts.filter((count): count is number => typeof count === 'number' && count > 0)
    return known.length === judges.length && known.length > 0 ? Math.min(...known) : null
  }
  return {
    recall: both((judge) => judge.recall),
    falsePositiveRate: both((judge) => judge.falsePositiveRate),
    recallN: smallest(judges.map((judge) => judge.recallN)),
    falsePositiveN: smallest(judges.map((judge) => judge.falsePositiveN)),
  }
}
