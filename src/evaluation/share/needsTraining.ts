import type { JudgedOutcome } from '../../core/contracts'

/** Whether a picture is of weights that are only there after training. */
export function needsTraining({ step }: Pick<JudgedOutcome, 'step'>): boolean {
  return step !== null && step > 0
}
