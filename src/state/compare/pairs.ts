/** Several runs, every pair of them: their differences, with p adjusted for the number of pairs. */
import type { ComparedName, ComparisonPage, Report, ScoreDifference } from '../../core/contracts'
import { holm } from '../../core/statistics'

/** Most runs that are compared at once: 15 pairs. */
export const MOST_RUNS = 6

export interface Named {
  name: string
  report: Report
}

export interface Pair {
  first: Named
  second: Named
  comparison: ComparisonPage
}

export interface PairedRow {
  pair: Pair
  row: ScoreDifference
  /** Holm's adjusted p over all pairs that have one. */
  adjusted: number | null
}

/** Compares every run with every later one. */
export async function comparePairs(
  runs: readonly Named[],
  compare: (first: Report, second: Report) => Promise<ComparisonPage>,
): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (const [i, first] of runs.entries())
    for (const second of runs.slice(i + 1))
      pairs.push({ first, second, comparison: await compare(first.report, second.report) })
  return pairs
}

/** One score over all pairs. */
export function rowsOf(pairs: readonly Pair[], name: ComparedName): PairedRow[] {
  const rows = pairs.flatMap((pair) => {
    const row = pair.comparison.scores.find((score) => score.name === name)
    return row ? [{ pair, row }] : []
  })
  // A difference by another ruler is no test of the models, and costs the others nothing.
  const tested = rows.filter(({ row }) => row.p !== null && row.ruler === null)
  const adjusted = holm(tested.map(({ row }) => row.p ?? 1))
  return rows.map((entry) => {
    const at = tested.indexOf(entry)
    return { ...entry, adjusted: at < 0 ? null : (adjusted[at] ?? null) }
  })
}
