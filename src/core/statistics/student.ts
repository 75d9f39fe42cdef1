/** Student's t with any number of degrees of freedom, through the incomplete beta function. */
import { exactExp, exactLog, exactLog1p } from '../exact'
import { logGamma } from './normal'

/** I_x(a, b), the regularised incomplete beta function: Lentz's continued fraction (Numerical Recipes 6.4), error below 1e-13. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  const front = exactExp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * exactLog(x) + b * exactLog1p(-x) - exactLog(a),
  )
  const away = (value: number) => (Math.abs(value) < 1e-300 ? 1e-300 : value)
  let c = 1
  let d = 1 / away(1 - ((a + b) * x) / (a + 1))
  let product = d
  for (let m = 1; m <= 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / away(1 + even * d)
    c = away(1 + even / c)
    product *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / away(1 + odd * d)
    c = away(1 + odd / c)
    product *= d * c
    if (Math.abs(d * c - 1) < 1e-15) break
  }
  return front * product
}

/** P(|T| ≥ |t|) for Student's t with `freedom` > 0 degrees of freedom, which need not be whole. */
export function studentTwoSided(t: number, freedom: number): number {
  if (!Number.isFinite(t)) return Number.isNaN(t) ? Number.NaN : 0
  return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5)
}

/** The t that is exceeded with probability `upper` < ½: bisection on `studentTwoSided`. */
export function studentQuantile(upper: number, freedom: number): number {
  if (!(freedom > 0)) return Infinity
  let [low, high] = [0, 1]
  while (studentTwoSided(high, freedom) > 2 * upper && high < 1e12) high *= 2
  for (let i = 0; i < 200 && high - low > 1e-14 * high; i++) {
    const middle = (low + high) / 2
    if (studentTwoSided(middle, freedom) > 2 * upper) low = middle
    else high = middle
  }
  return (low + high) / 2
}
