/**
 * Takes somebody's live fine-tune again here, step by step from the same seed, and says whether it comes out the same:
 * with WASM and the same number of threads the weights are expected to be bit-identical; else losses and scores agree.
 */
import {
  SpqrError,
  reviveError,
  type AlignmentSpec,
  type EngineApi,
  type EngineEvent,
  type LiveFineTune,
  type LoadedPack,
  type RunRecord,
  type TrainerApi,
} from '../../core/contracts'
import { recheck, RECHECK_TOLERANCE, type RecheckedSample, type RecheckResult } from '../share/recheck'
import { throwIfAborted, type CancelSignal } from './runEvents'
import { assertSameJudging } from '../spec/statedJudges'

/** Largest relative difference of a step's loss that still counts as the same training on another device. */
export const LOSS_TOLERANCE = 1e-2

export type RetrainEvent =
  | EngineEvent
  | { type: 'training'; step: number; steps: number; loss: number }
  | { type: 'sample'; sample: RecheckedSample; done: number; planned: number }

export interface RetrainResult {
  /** SHA-256 of the last checkpoint's adapter here. */
  adapterSha256: string | null
  /** The same bytes as theirs; null when the record does not state a hash. */
  identical: boolean | null
  /** Both sides ran on WASM with as many threads, so identical bytes are expected. */
  exactExpected: boolean
  /** Largest relative difference of a step's loss; null without stated losses. */
  lossDifference: number | null
  pictures: RecheckResult
  agrees: boolean
  /** One sentence for the reader. */
  summary: string
}

/**
 * Trains to every checkpoint, then makes k of their samples again. Throws BAD_INPUT when the pack is another or the
 * report has no live fine-tune, the trainer's errors (a training set that is not here among them), ABORTED when stopped.
 */
export async function retrain(
  signal: CancelSignal,
  engine: EngineApi,
  trainer: Pick<TrainerApi, 'train' | 'abort'>,
  pack: LoadedPack,
  record: RunRecord,
  k: number,
  seed: number,
  onEvent: (event: RetrainEvent) => void,
): Promise<RetrainResult> {
  const { spec, training } = record
  const { fineTune } = spec
  if (fineTune?.kind !== 'live')
    throw new SpqrError(
      'BAD_INPUT',
      'This report has no fine-tune that was trained in the browser.',
      'There is nothing to train again.',
    )
  assertSameJudging(record, pack)
  const steps = fineTune.checkpoints.filter((at) => at > 0)
  const { checkpoints, taken, ours } = await trainTo(signal, trainer, spec.alignment, fineTune, steps, onEvent)
  const pictures = await recheck(signal, engine, pack, record, k, seed, onEvent, checkpoints)
  const theirs = training?.losses.length === fineTune.steps ? training : null
  const identical = theirs?.adapterSha256 ? theirs.adapterSha256 === ours.adapterSha256 : null
  const exactExpected = pictures.exactExpected && record.environment.threads === pack.environment.threads
  const lossDifference = theirs && largestDifference(theirs.losses, ours.losses)
  // A run whose checkpoints all came from an earlier one states no training of its own: its pictures alone can differ.
  const trained =
    identical === true || (lossDifference === null ? identical === null : lossDifference <= LOSS_TOLERANCE)
  const agrees = pictures.agreeing === pictures.samples.length && trained
  const result = { adapterSha256: ours.adapterSha256, identical, exactExpected, lossDifference, pictures, agrees }
  const where = taken === 0 ? ' The checkpoints were stored in this browser already, so no step was taken again.' : ''
  return { ...result, summary: summaryOf(result, fineTune.steps) + where }
}

/** Trains to each of `steps`, in their order. @throws {SpqrError} what the trainer throws, ABORTED when stopped. */
export async function trainTo(
  signal: CancelSignal,
  trainer: Pick<TrainerApi, 'train' | 'abort'>,
  alignment: AlignmentSpec | null,
  fineTune: LiveFineTune,
  steps: readonly number[],
  onEvent: (event: Extract<RetrainEvent, { type: 'training' }>) => void,
) {
  const stop = () => void trainer.abort().catch(() => undefined)
  signal.addEventListener('abort', stop)
  const checkpoints = new Map<number, string>()
  let taken = 0
  let ours: { losses: readonly number[]; adapterSha256: string | null } = { losses: [], adapterSha256: null }
  try {
    for (const step of steps) {
      throwIfAborted(signal)
      const { checkpointKey, trace } = await trainer.train(alignment, fineTune, step, ({ step: at, loss }) => {
        taken += 1
        onEvent({ type: 'training', step: at, steps: fineTune.steps, loss })
      })
      checkpoints.set(step, checkpointKey)
      ours = trace
    }
  } catch (thrown) {
    throwIfAborted(signal)
    throw reviveError(thrown)
  } finally {
    signal.removeEventListener('abort', stop)
  }
  return { checkpoints, taken, ours }
}

function largestDifference(theirs: readonly number[], ours: readonly number[]): number {
  return theirs.reduce((largest, loss, i) => {
    const difference = Math.abs((ours[i] ?? Number.NaN) - loss) / Math.max(Math.abs(loss), 1e-3)
    // A loss that is missing or no number is a difference, not none.
    return difference <= largest ? largest : Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
  }, 0)
}

function summaryOf(
  { identical, exactExpected, lossDifference, pictures, agrees }: Omit<RetrainResult, 'summary'>,
  steps: number,
): string {
  const { agreeing, samples } = pictures
  const same = `${agreeing} of ${samples.length} pictures have the same scores within ${RECHECK_TOLERANCE}`
  if (identical === true) return `After ${steps} steps the weights are bit-identical to theirs; ${same}.`
  const stated = lossDifference !== null
  const loss = !stated
    ? 'the report states no training to compare'
    : `the losses differ by at most ${(100 * lossDifference).toPrecision(2)} %`
  if (!agrees) return `The fine-tune did not come out the same: ${loss}; ${same}.`
  return `After ${steps} steps ${loss}${!stated ? '' : exactExpected ? ', though the weights were expected to be bit-identical' : ' (other device or threads, so the weights need not be the same bits)'}; ${same}.`
}
