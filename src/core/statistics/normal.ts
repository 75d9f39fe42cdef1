/** The normal distribution and the logarithm of the gamma function, to double precision. */
import { exactExp, exactLog, sinCosOfTurns, wholePower } from '../exact'

/** Two-sided 95 %: Φ⁻¹(0.975). */
export const Z_95 = 1.959963984540054

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
]

const HALF_LOG_TURN = 0.5 * exactLog(2 * Math.PI)
const sinCos = new Float64Array(2)

/** ln Γ(x) for x > 0 (Lanczos, g = 7, nine terms): relative error below 1e-14 away from its zeros. */
export function logGamma(x: number): number {
  if (x < 0.5) {
    sinCosOfTurns(x / 2, sinCos)
    return exactLog(Math.PI / (sinCos[0] ?? 0)) - logGamma(1 - x)
  }
  const z = x - 1
  let sum = LANCZOS[0] ?? 0
  for (let i = 1; i < LANCZOS.length; i++) sum += (LANCZOS[i] ?? 0) / (z + i)
  const t = z + 7.5
  return HALF_LOG_TURN + (z + 0.5) * exactLog(t) - t + exactLog(sum)
}

/** Φ(x). Series near zero, continued fraction in the tails (Abramowitz & Stegun 26.2.11 and 26.2.14). */
export function normalCdf(x: number): number {
  if (Number.isNaN(x)) return Number.NaN
  const a = Math.abs(x)
  if (a > 39) return x > 0 ? 1 : 0
  const density = exactExp((-a * a) / 2) / Math.sqrt(2 * Math.PI)
  let upper: number
  if (a < 4) {
    let term = a
    let sum = a
    for (let k = 1; term > 1e-17 * sum; k++) {
      term *= (a * a) / (2 * k + 1)
      sum += term
    }
    upper = 0.5 - density * sum
  } else {
    let fraction = a
    for (let k = 60; k > 0; k--) fraction = a + k / fraction
    upper = density / fraction
  }
  return x > 0 ? 1 - upper : upper
}

/** Φ⁻¹(p), 0 < p < 1: bisection on Φ, exact to double precision; used a handful of times per report. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : Number.NaN
  // Φ loses relative precision in the upper tail, so quantiles are found in the lower one.
  if (p > 0.5) return -normalQuantile(1 - p)
  let low = -38
  let high = 0
  for (let i = 0; i < 100 && high - low > 1e-15 * Math.max(1, -low); i++) {
    const middle = (low + high) / 2
    if (normalCdf(middle) < p) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/**
 * Student's t quantile at 97.5 % by its expansion in 1/ν about the normal one (Fisher & Cornish 1960; Abramowitz & Stegun
 * 26.7.5): relative error under 1e-4 from ν = 6 on, 1 % at 2. Infinite below ν = 1, where there is no spread to judge by.
 */
export function student95(degrees: number): number {
  if (!(degrees >= 1)) return Infinity
  const z = Z_95
  const [z3, z5, z7, z9] = [3, 5, 7, 9].map((power) => wholePower(z, power)) as [number, number, number, number]
  return (
    z +
    (z3 + z) / (4 * degrees) +
    (5 * z5 + 16 * z3 + 3 * z) / (96 * degrees ** 2) +
    (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * wholePower(degrees, 3)) +
    (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / (92160 * wholePower(degrees, 4))
  )
}
