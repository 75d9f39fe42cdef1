/** Losses on held-out pictures in a run's record: those of the checkpoints so far and those of a new one. */
import type { HeldOutLosses, TrainingTrace } from '../../core/contracts'
import { LOSS_STEPS, onGrid } from '../../core/scoring/grid'

/** Entries in the order of their steps, newer ones in the place of older; nothing where no picture is held out. */
export function withHeldOut(
  earlier: readonly HeldOutLosses[] | undefined,
  now: readonly HeldOutLosses[] | undefined,
): Pick<TrainingTrace, 'heldOut'> {
  if (!earlier && !now) return {}
  const byStep = new Map([...(earlier ?? []), ...(now ?? [])].map(({ step, losses }) => [step, losses]))
  const heldOut = [...byStep].sort(([a], [b]) => a - b)
  return {
    heldOut: heldOut.map(([step, losses]) => ({ step, losses: losses.map((loss) => onGrid(loss, LOSS_STEPS)) })),
  }
}
