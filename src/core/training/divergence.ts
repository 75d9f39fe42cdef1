/** A loss this many times the first one is no longer training (a learning rate of 10 gets there in a few steps). */
export const DIVERGENCE_FACTOR = 30

/** Whether training has diverged: the loss is no finite number or far above where it began. */
export function hasDiverged(losses: readonly number[]): boolean {
  const last = losses.at(-1)
  if (last === undefined) return false
  const first = losses[0]!
  return !Number.isFinite(last) || last > DIVERGENCE_FACTOR * Math.max(first, 0.1)
}
