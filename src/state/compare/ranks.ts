/** Ranks that respect uncertainty: 1 + the number of runs whose lower bound lies above one's upper bound. */
import type { Score } from '../../core/contracts'
import { tieAwareRanks } from '../../core/statistics'

/** A rank per score; null for a score without a value. */
export function ranksOf(scores: readonly Score[]): (number | null)[] {
  const known = scores.flatMap((score) => (score.value === null ? [] : [{ low: score.low, high: score.high }]))
  const ranks = tieAwareRanks(known)
  let next = 0
  return scores.map((score) => (score.value === null ? null : (ranks[next++] ?? null)))
}

/** What a run of a leaderboard must have to be ranked among those of the same profile and scenario. */
export interface Rankable {
  profile: string
  scenario: string
  scores: { SPQR: Score }
}

/** Rows by profile and scenario, each with its rank among its like (null without an SPQR): by rank, then by SPQR. */
export function ranked<Row extends Rankable>(rows: readonly Row[]): (Row & { rank: number | null })[] {
  const keyOf = ({ profile, scenario }: Rankable): string => `${scenario} ${profile}`
  return [...new Set(rows.map(keyOf))].sort().flatMap((key) => {
    const group = rows
      .filter((row) => keyOf(row) === key)
      .toSorted((a, b) => (b.scores.SPQR.value ?? -1) - (a.scores.SPQR.value ?? -1))
    const ranks = ranksOf(group.map(({ scores }) => scores.SPQR))
    // A wide interval can share the first rank with a lower SPQR than that of the second.
    return group
      .map((row, index) => ({ ...row, rank: ranks[index] ?? null }))
      .toSorted((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity))
  })
}
