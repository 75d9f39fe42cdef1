/** Percentiles of a bootstrap distribution and the tie-aware rank. */
import { student95, Z_95 } from './normal'
import type { Interval } from './wilson'

/** Quantile q of ascending values, linear between order statistics (type 7, NumPy's default). */
export function quantileSorted(sorted: Float64Array, q: number): number {
  const position = (sorted.length - 1) * q
  const below = Math.floor(position)
  const low = sorted[below] ?? Number.NaN
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN
  return low + (high - low) * (position - below)
}

/**
 * Percentile 95 % interval of the finite values; null when fewer than half are finite. Sorts a copy.
 * A point estimate is always inside its interval: the bounds are widened to it when smoothing moved them past it.
 */
export function percentileInterval(values: Float64Array, estimate: number): Interval | null {
  const finite = values.every(Number.isFinite) ? values.slice() : values.filter(Number.isFinite)
  if (finite.length === 0 || finite.length * 2 < values.length) return null
  finite.sort()
  const low = quantileSorted(finite, 0.025)
  const high = quantileSorted(finite, 0.975)
  return { low: Math.min(low, estimate), high: Math.max(high, estimate) }
}

/**
 * How much wider the percentile interval of a mean must be than its resamples say (the expanded percentile interval,
 * Hesterberg 2015): drawing n_s of n_s rows gives (n_s − 1)/n_s of the variance, and the spread is itself an estimate,
 * so √(n/(n − strata))·t/z. At n = 64 in two strata it is 1.036 and lifts the coverage of P from 93.5 to 95 %. Infinite
 * where no stratum has two rows.
 */
export function expansion(rows: number, strata: number): number {
  return Math.sqrt(rows / (rows - strata)) * (student95(rows - strata) / Z_95)
}

/** rank = 1 + number of runs whose lower bound lies above my upper bound: overlapping intervals share a rank. */
export function tieAwareRanks(runs: readonly Interval[]): number[] {
  return runs.map((mine) => 1 + runs.filter((other) => other.low > mine.high).length)
}
