/** The grid of a record's numbers: links carry whole multiples, so a score from a link equals the score from the run. */

/** Steps of probabilities and cosines, of features, and of training losses. */
export const PROBABILITY_STEPS = 1e4
export const FEATURE_STEPS = 1e3
export const LOSS_STEPS = 1e5

/** The nearest multiple of 1/steps; idempotent, and never −0. */
export function onGrid(value: number, steps: number): number {
  return Math.round(value * steps) / steps + 0
}
