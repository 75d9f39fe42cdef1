/** Units that failed and were tried again: which of their outcomes stands, and which deserve another try. */
import type { ErrorCode } from '../../contracts/errors'
import type { Outcome } from '../../contracts/run'

/** Failures of the machine, not of the picture: the same unit may succeed in a fresh worker. */
const PASSING: readonly string[] = [
  'WORKER_CRASHED',
  'DEVICE_LOST',
  'MEMORY',
  'JUDGE_FAILED',
  'DOWNLOAD_FAILED',
  'UNEXPECTED',
] satisfies ErrorCode[]
/** A unit is tried once more, no oftener: what fails twice is no accident. */
const MOST_ATTEMPTS = 2

/** True for a failed unit that a resumed run makes again. */
export function deservesRetry(outcome: Outcome): boolean {
  return outcome.status === 'failed' && PASSING.includes(outcome.code) && (outcome.attempts ?? 1) < MOST_ATTEMPTS
}

/** The outcome of a second attempt: a failure says that it was one. */
export function retried(outcome: Outcome, earlier: Outcome | undefined): Outcome {
  if (outcome.status !== 'failed' || earlier?.status !== 'failed') return outcome
  return { ...outcome, attempts: (earlier.attempts ?? 1) + 1 }
}

/** One outcome per unit, the last attempt, in the order of the first ones. Records are append-only, so both are stored. */
export function lastAttempts(outcomes: readonly Outcome[]): Outcome[] {
  return [...new Map(outcomes.map((outcome) => [outcome.unitId, outcome])).values()]
}
