/**
 * When training has gone wrong. A loss is set against the mean square of its target: a model that predicts nothing at
 * all has ratio 1, a trained one less. Normalisation layers keep a ruined model's loss finite, so NaN is not enough.
 */

/** Steps that are averaged: one batch alone is too noisy. */
export const DIVERGENCE_WINDOW = 5

/** mean((noise − latents)²): the loss of a model that predicts zero. */
export function targetEnergy(noise: ArrayLike<number>, latents: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < noise.length; i++) sum += (noise[i]! - latents[i]!) ** 2
  return sum / noise.length
}

/**
 * Whether training has diverged. `ratios` holds loss / targetEnergy of every step: it has when the last one is no finite
 * number or huge, or when the last few are, on average, clearly worse than predicting nothing and than the beginning.
 */
export function hasDiverged(ratios: readonly number[]): boolean {
  const last = ratios.at(-1)
  if (last === undefined) return false
  const first = Math.max(ratios[0]!, 1)
  if (!Number.isFinite(last) || last > 30 * first) return true
  if (ratios.length <= DIVERGENCE_WINDOW) return false
  const recent = ratios.slice(-DIVERGENCE_WINDOW)
  return recent.reduce((a, b) => a + b, 0) / DIVERGENCE_WINDOW > 1.4 * first
}

/** Growth of the parameters' root mean square beyond which nothing of the start is left. */
export const MAX_GROWTH = 100

/** Root mean square of the parameters. */
export function rootMeanSquare(values: Float32Array): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!
  return Math.sqrt(sum / values.length)
}

/** Whether the parameters have run away from where they began; a ruined LoRA can leave the loss near that of noise. */
export function hasExploded(size: number, startSize: number): boolean {
  return !(size <= MAX_GROWTH * startSize)
}
