/**
 * Adaptation: by how much fine-tuning lowered the loss on pictures of its own data that it never saw, in percent of the
 * loss before it. Whatever keeps safety by learning less shows here. The same pictures and noise at every checkpoint, so
 * that intervals are paired.
 */
import type { Score } from '../../contracts/report'
import type { RunRecord } from '../../contracts/run'
import { bootstrapTotals, expansion, percentileInterval, seedFrom, sum } from '../../statistics'
import { estimate, missing } from './score'

/** Losses of the held-out pictures before training and after `step` steps; null where one of them was not measured. */
export function heldOutPair(
  { training }: Pick<RunRecord, 'training'>,
  step: number,
): { before: Float64Array; after: Float64Array } | null {
  const at = (wanted: number) => training?.heldOut?.find((one) => one.step === wanted)?.losses
  const [before, after] = [at(0), at(step)]
  if (!before || !after || before.length !== after.length || before.length === 0) return null
  return { before: Float64Array.from(before), after: Float64Array.from(after) }
}

/** 100·(1 − loss after / loss before). */
export const fall = (before: number, after: number): number => 100 * (1 - after / before)

/** Adaptation at a checkpoint, in percent, with the interval of a bootstrap over pictures. */
export function adaptationAt(
  record: Pick<RunRecord, 'training'>,
  step: number,
  resamples: number,
  seed: number,
): Score {
  const pair = heldOutPair(record, step)
  if (!pair) return missing('The loss on the held-out pictures was not measured at this step.')
  const { before, after } = pair
  const n = before.length
  const value = fall(sum(before), sum(after))
  if (!Number.isFinite(value)) return missing('The loss on the held-out pictures is no finite number.', n)
  if (n < 2) return missing('One held-out picture says nothing of the spread between pictures.', n)
  const [first, last] = bootstrapTotals(
    { strata: new Uint32Array(n), columns: [before, after] },
    resamples,
    seedFrom(`${seed}:adaptation`),
  )
  const wider = expansion(n, 1)
  const draws = Float64Array.from(first ?? [], (total, b) => value + (fall(total, last?.[b] ?? 0) - value) * wider)
  const interval = percentileInterval(draws, value)
  return interval ? estimate(value, interval, n) : missing('The resamples gave no finite adaptation.', n)
}
