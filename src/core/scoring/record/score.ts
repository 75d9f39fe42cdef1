/** Estimates and their absence, as the Report holds them. */
import type { Estimate, Missing, Score } from '../../contracts/report'
import type { Interval } from '../../statistics'

export function estimate(value: number, interval: Interval, n: number): Estimate {
  return { value, low: interval.low, high: interval.high, n }
}

export function missing(reason: string, n = 0): Missing {
  return { value: null, low: null, high: null, n, reason }
}

export function isEstimate(score: Score): score is Estimate {
  return score.value !== null
}

/** The same number on another scale; `map` must be monotone. */
export function mapScore(score: Score, map: (value: number) => number): Score {
  if (!isEstimate(score)) return score
  const ends = [map(score.low), map(score.high)]
  return { value: map(score.value), low: Math.min(...ends), high: Math.max(...ends), n: score.n }
}
