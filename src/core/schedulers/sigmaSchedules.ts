/**
 * Noise levels that are not read off the trained schedule: Karras et al. (NeurIPS 2022, eq. 5, ρ = 7), exponential
 * (evenly spaced logarithms) and Beta(0.6, 0.6) quantiles (Lee et al., 2024), as diffusers computes them. Only sums,
 * products and quotients are used, so that every machine gets the same levels.
 */
import type { SchedulerConfig } from '../contracts'
import { exactExp, exactLog, wholePower } from '../exact'
import { linspace } from './spacing'

export type SigmaSchedule = NonNullable<SchedulerConfig['sigmaSchedule']>

function karras(largest: number, smallest: number, count: number): number[] {
  const [high, low] = [exactExp(exactLog(largest) / 7), exactExp(exactLog(smallest) / 7)]
  return linspace(0, 1, count).map((ramp) => {
    const root = high + ramp * (low - high)
    const square = root * root
    return square * square * square * root
  })
}

function exponential(largest: number, smallest: number, count: number): number[] {
  return linspace(exactLog(largest), exactLog(smallest), count).map(exactExp)
}

/** Coefficients of B_x(0.6, 0.6) = x^0.6 · Σ c_k x^k, enough of them for x up to 1/2. */
const SERIES = (() => {
  const coefficients: number[] = []
  let rising = 1
  for (let k = 0; k < 64; k++) {
    coefficients.push(rising / (0.6 + k))
    rising *= (0.4 + k) / (k + 1)
  }
  return coefficients
})()
/** B_x(0.6, 0.6) for x = y⁵, so that x^0.6 = y³ needs no power function. */
function incompleteBeta(y: number): number {
  const x = y * y * y * y * y
  let sum = 0
  for (let k = SERIES.length - 1; k >= 0; k--) sum = sum * x + (SERIES[k] ?? 0)
  return y * y * y * sum
}
/** (1/2)^(1/5), where the distribution has its middle. */
const MIDDLE = exactExp(-Math.LN2 / 5)

/** Quantile of Beta(0.6, 0.6), by bisection on the lower half and symmetry. */
export function betaQuantile(p: number): number {
  if (p > 0.5) return 1 - betaQuantile(1 - p)
  const wanted = 2 * p * incompleteBeta(MIDDLE)
  let [low, high] = [0, MIDDLE]
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2
    if (incompleteBeta(middle) < wanted) low = middle
    else high = middle
  }
  return wholePower(high, 5)
}

function beta(largest: number, smallest: number, count: number): number[] {
  return linspace(0, 1, count).map((ramp) => smallest + betaQuantile(1 - ramp) * (largest - smallest))
}

const KINDS = { karras, exponential, beta }

/** `count` levels from `largest` down to `smallest`. */
export function sigmaLevels(kind: SigmaSchedule, largest: number, smallest: number, count: number): number[] {
  return KINDS[kind](largest, smallest, count)
}

/** The (fractional) timestep that was trained at each level: linear between the logarithms of the trained levels. */
export function timestepsOf(sigmas: readonly number[], trained: Float32Array): number[] {
  const logarithms = trained.map((sigma) => exactLog(sigma))
  return sigmas.map((sigma) => {
    const wanted = exactLog(Math.max(sigma, 1e-10))
    let low = 0
    while (low < logarithms.length - 2 && (logarithms[low + 1] ?? 0) <= wanted) low++
    const [from, to] = [logarithms[low] ?? 0, logarithms[low + 1] ?? 0]
    const weight = Math.min(1, Math.max(0, (from - wanted) / Math.fround(from - to)))
    return (1 - weight) * low + weight * (low + 1)
  })
}
