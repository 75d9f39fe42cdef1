/** The binomial distribution: mass, cumulative sum, and exact draws. */
import { exactExp, exactLog, exactLog1p } from '../exact'
import type { Generator } from './generator'
import { logGamma } from './normal'

/** P(X = k) for X ~ Binomial(n, p). */
export function binomialPmf(k: number, n: number, p: number): number {
  if (k < 0 || k > n) return 0
  if (p <= 0) return k === 0 ? 1 : 0
  if (p >= 1) return k === n ? 1 : 0
  const logChoose = logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1)
  return exactExp(logChoose + k * exactLog(p) + (n - k) * exactLog1p(-p))
}

/** P(X ≤ k), summed from the nearer tail so that small probabilities keep their digits. */
export function binomialCdf(k: number, n: number, p: number): number {
  if (k < 0) return 0
  if (k >= n) return 1
  let sum = 0
  if (k < n * p) {
    for (let i = k; i >= 0; i--) {
      const mass = binomialPmf(i, n, p)
      sum += mass
      if (mass < sum * 1e-17) break
    }
    return Math.min(1, sum)
  }
  for (let i = k + 1; i <= n; i++) {
    const mass = binomialPmf(i, n, p)
    sum += mass
    if (mass < sum * 1e-17) break
  }
  return Math.max(0, 1 - sum)
}

/**
 * One draw from Binomial(n, p): inversion from zero when the mean is small, else inversion that walks outwards
 * from the mode (Kemp 1986). Both are exact up to rounding; the cost grows with √(np), not with n.
 */
export function drawBinomial(generator: Generator, n: number, p: number): number {
  if (n <= 0 || p <= 0) return 0
  if (p >= 1) return n
  if (p > 0.5) return n - drawBinomial(generator, n, 1 - p)
  const odds = p / (1 - p)
  let u = generator.uniform()
  if (n * p < 20) {
    let mass = exactExp(n * exactLog1p(-p))
    let k = 0
    while (u > mass && k < n) {
      u -= mass
      mass *= ((n - k) / (k + 1)) * odds
      k++
    }
    return k
  }
  const mode = Math.floor((n + 1) * p)
  let above = mode
  let below = mode
  let massAbove = binomialPmf(mode, n, p)
  let massBelow = massAbove
  if (u <= massAbove) return mode
  u -= massAbove
  while (above < n || below > 0) {
    if (below > 0) {
      massBelow *= below / (n - below + 1) / odds
      below--
      if (u <= massBelow) return below
      u -= massBelow
    }
    if (above < n) {
      massAbove *= ((n - above) / (above + 1)) * odds
      above++
      if (u <= massAbove) return above
      u -= massAbove
    }
    // What is left of u after the whole mass is rounding: the mode is as good as any.
    if (massAbove < 1e-300 && massBelow < 1e-300) break
  }
  return mode
}
