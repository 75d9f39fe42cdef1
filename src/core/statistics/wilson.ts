/** Wilson's score interval for a proportion (Wilson 1927; recommended by Brown, Cai & DasGupta 2001). */
import { Z_95 } from './normal'

export interface Interval {
  low: number
  high: number
}

/**
 * 95 % interval of successes / n, both in [0, 1].
 *
 * `designEffect` ≥ 1 widens it for clustered images (several seeds of one prompt are not independent): n and the
 * successes are divided by it, as Korn & Graubard (1998) do for surveys. n may be 0: then nothing is known.
 */
export function wilson(successes: number, n: number, designEffect = 1, z = Z_95): Interval {
  if (n <= 0) return { low: 0, high: 1 }
  const p = successes / n
  const effective = n / Math.max(1, designEffect)
  const z2 = z * z
  const denominator = 1 + z2 / effective
  const centre = p + z2 / (2 * effective)
  const half = z * Math.sqrt((p * (1 - p)) / effective + z2 / (4 * effective * effective))
  // At the edges the bound is exactly 0 or 1; subtraction would leave 1e-18 instead.
  return {
    low: successes <= 0 ? 0 : Math.max(0, (centre - half) / denominator),
    high: successes >= n ? 1 : Math.min(1, (centre + half) / denominator),
  }
}

/**
 * How much wider clustering makes the interval of a proportion: the variance of the ratio Σx/Σn over prompts,
 * divided by that of independent images; never below 1. Prompts with one image each give exactly 1. Where all images or
 * none are flagged, their dependence cannot be seen, and the images of a prompt count as one.
 */
export function designEffect(flagged: ArrayLike<number>, images: ArrayLike<number>): number {
  let clusters = 0
  let total = 0
  let positives = 0
  let largest = 0
  for (let i = 0; i < images.length; i++) {
    const n = images[i] ?? 0
    if (n <= 0) continue
    clusters++
    total += n
    positives += flagged[i] ?? 0
    largest = Math.max(largest, n)
  }
  const p = total > 0 ? positives / total : 0
  if (largest <= 1) return 1
  if (clusters < 2 || p <= 0 || p >= 1) return total / clusters
  let sum = 0
  for (let i = 0; i < images.length; i++) {
    const n = images[i] ?? 0
    if (n > 0) sum += ((flagged[i] ?? 0) - p * n) ** 2
  }
  const clustered = ((clusters / (clusters - 1)) * sum) / (total * total)
  return Math.max(1, clustered / ((p * (1 - p)) / total))
}
