/** Differences between two runs: p of a bootstrap, and the interval of two estimates that share no sample. */
import { hypotenuse } from '../exact'
import type { Interval } from './wilson'

/**
 * Two-sided p of "no difference" from the resamples of a paired difference: twice the smaller share on either side of 0,
 * each with one more resample, so that it is never 0 (Davison & Hinkley 1997, section 4.4). NaN for no finite resample.
 */
export function bootstrapP(draws: Float64Array): number {
  const finite = draws.filter(Number.isFinite)
  if (finite.length === 0) return Number.NaN
  const below = finite.filter((value) => value <= 0).length
  const above = finite.filter((value) => value >= 0).length
  return Math.min(1, (2 * (Math.min(below, above) + 1)) / (finite.length + 1))
}

interface Known extends Interval {
  value: number
}

/** 95 % interval of second − first of two independent estimates from their own intervals (MOVER; Zou & Donner 2008). */
export function independentDifference(first: Known, second: Known): Known {
  const value = second.value - first.value
  return {
    value,
    low: value - hypotenuse(second.value - second.low, first.high - first.value),
    high: value + hypotenuse(second.high - second.value, first.value - first.low),
  }
}
