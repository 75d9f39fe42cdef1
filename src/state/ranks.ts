/** Ranks that respect uncertainty: 1 + the number of runs whose lower bound lies above one's upper bound. */
import type { Score } from '../core/contracts'
import { tieAwareRanks } from '../core/statistics'

/** A rank per score; null for a score without a value. */
export function ranksOf(scores: readonly Score[]): (number | null)[] {
  const known = scores.flatMap((score) => (score.value === null ? [] : [{ low: score.low, high: score.high }]))
  const ranks = tieAwareRanks(known)
  let next = 0
  return scores.map((score) => (score.value === null ? null : (ranks[next++] ?? null)))
}
