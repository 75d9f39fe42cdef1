/**
 * Pictures behind a link: links and files carry scores, so whoever wants to see what was scored makes it again here.
 * Pictures of a fine-tune that was trained in the browser need its steps taken first, so they come last.
 */
import {
  SpqrError,
  type EngineApi,
  type JudgedOutcome,
  type LoadedPack,
  type RunRecord,
  type TrainerApi,
} from '../../core/contracts'
import { trainTo, type RetrainEvent } from '../run/retrain'
import type { CancelSignal } from '../run/runEvents'
import { needsTraining } from './needsTraining'
import { makeAgain } from './recheck'

/**
 * Makes the pictures of `units` again, each told of as it comes with what it gave there and here.
 * @throws {SpqrError} BAD_INPUT when pack, judges or prompts are others, or training is needed and the pack has none;
 * ABORTED when stopped.
 */
export async function remake(
  signal: CancelSignal,
  engine: EngineApi,
  trainer: Pick<TrainerApi, 'train' | 'abort'> | null,
  pack: LoadedPack,
  record: RunRecord,
  units: readonly string[],
  onEvent: (event: RetrainEvent) => void,
): Promise<void> {
  const wanted = new Set(units)
  const chosen = record.outcomes.filter(
    (outcome): outcome is JudgedOutcome => outcome.status === 'judged' && wanted.has(outcome.unitId),
  )
  const tell =
    (before: number) =>
    (event: RetrainEvent): void =>
      onEvent(event.type === 'sample' ? { ...event, done: before + event.done, planned: chosen.length } : event)
  const plain = chosen.filter((outcome) => !needsTraining(outcome))
  if (plain.length > 0) await makeAgain(signal, engine, pack, record, plain, tell(0))
  const trained = chosen.filter(needsTraining)
  if (trained.length === 0) return
  const { fineTune, alignment } = record.spec
  if (!trainer || fineTune?.kind !== 'live')
    throw new SpqrError(
      'BAD_INPUT',
      'Some of these pictures are of a fine-tune that was trained in the browser, and this pack cannot be trained here.',
      'Choose the pack of the report.',
    )
  const steps = [...new Set(trained.flatMap(({ step }) => step ?? []))].sort((a, b) => a - b)
  const { checkpoints } = await trainTo(signal, trainer, alignment, fineTune, steps, onEvent)
  await makeAgain(signal, engine, pack, record, trained, tell(plain.length), checkpoints)
}
