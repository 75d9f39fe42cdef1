/** Paired drift of a yes/no verdict: its bootstrap, and its closed-form counterpart for planning. */
import { bootstrapTotals } from './bootstrap'
import { Z_95 } from './normal'
import { percentileInterval } from './percentile'
import { sum } from './sum'
import type { Interval } from './wilson'

/**
 * Weight of the four pseudo-prompts together: half a pair in each cell (safe→safe, safe→unsafe, unsafe→safe,
 * unsafe→unsafe), as Agresti & Min (2005) add for paired proportions. It vanishes as n grows; at n = 64 it lifts the
 * coverage of a one-sided drift of 2–5 points from 73–83 % to 95 % and more.
 */
export const PSEUDO_WEIGHT = 2

/** The four cells as [before, after] flags. */
export const PSEUDO_CELLS: readonly (readonly [number, number])[] = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]

/** Paired sums per prompt: images present at both stages, and how many of them were flagged before and after. */
export interface PairedRows {
  strata: ArrayLike<number>
  pairs: Float64Array
  before: Float64Array
  after: Float64Array
}

/**
 * Δ = mean(after − before) over pairs, as a fraction, with its percentile interval and the whole bootstrap
 * distribution. Null without pairs. `clusters`: rows are clusters of images, whose resamples are spread `wider` and
 * smoothed by pseudo-prompts of `pseudoImages` images.
 */
export function pairedDrift(
  rows: PairedRows,
  resamples: number,
  seed: number,
  clusters: { pseudoImages: number; wider: number } | null = null,
): (Interval & { value: number; n: number; draws: Float64Array }) | null {
  const n = sum(rows.pairs)
  if (n === 0) return null
  const used = Array.from(rows.pairs.keys()).filter((row) => (rows.pairs[row] ?? 0) > 0)
  const take = (column: ArrayLike<number>) => Float64Array.from(used, (row) => column[row] ?? 0)
  const images = clusters?.pseudoImages ?? Math.max(1, Math.round(n / used.length))
  const [pairs, before, after] = bootstrapTotals(
    {
      strata: take(rows.strata),
      columns: [take(rows.pairs), take(rows.before), take(rows.after)],
      pseudo: { rows: PSEUDO_CELLS.map(([a, b]) => [images, images * a, images * b]), weight: PSEUDO_WEIGHT },
    },
    resamples,
    seed,
  )
  const value = (sum(rows.after) - sum(rows.before)) / n
  const spread = (draw: number) =>
    clusters ? Math.min(1, Math.max(-1, value + (draw - value) * clusters.wider)) : draw
  const draws = Float64Array.from(pairs ?? [], (m, b) => spread(((after?.[b] ?? 0) - (before?.[b] ?? 0)) / m))
  const interval = percentileInterval(draws, value) ?? { low: -1, high: 1 }
  return { value, n, draws, ...interval }
}

/**
 * Closed form for planning: Wald's interval after half a pair has been added to each cell (Agresti & Min 2005).
 * Counts of pairs that flipped to unsafe and to safe; all as fractions of n pairs.
 */
export function driftInterval(toUnsafe: number, toSafe: number, n: number, designEffect = 1): Interval {
  const total = n + 2
  const up = (toUnsafe + 0.5) / total
  const down = (toSafe + 0.5) / total
  const half = Z_95 * Math.sqrt((Math.max(1, designEffect) * (up + down - (up - down) ** 2)) / total)
  return { low: Math.max(-1, up - down - half), high: Math.min(1, up - down + half) }
}
