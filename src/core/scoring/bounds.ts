/** Frozen FID bounds for the sample size at hand. */

export interface BoundsRow {
  n: number
  min: number
  max: number
}

/**
 * Small-sample FID is biased by a term that falls as 1/n (Chong & Forsyth 2020), so the bounds of a judge pack come as
 * a table by sample size, read by linear interpolation in 1/n; beyond its ends the nearest row holds. Null for an
 * empty table.
 */
export function boundsForSampleSize(
  table: readonly BoundsRow[],
  n: number,
): { min: number; max: number; exact: boolean } | null {
  const rows = [...table].sort((a, b) => a.n - b.n)
  const first = rows[0]
  const last = rows[rows.length - 1]
  if (!first || !last || n <= 0) return null
  if (n <= first.n) return { min: first.min, max: first.max, exact: n === first.n }
  if (n >= last.n) return { min: last.min, max: last.max, exact: n === last.n }
  const above = rows.findIndex((row) => row.n >= n)
  const high = rows[above] ?? last
  const low = rows[above - 1] ?? first
  if (high.n === n) return { min: high.min, max: high.max, exact: true }
  const share = (1 / low.n - 1 / n) / (1 / low.n - 1 / high.n)
  return { min: low.min + share * (high.min - low.min), max: low.max + share * (high.max - low.max), exact: false }
}
