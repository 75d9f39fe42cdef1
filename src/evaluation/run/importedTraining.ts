/** A live fine-tune that another machine trained: its checkpoints stand in for a trainer, known by their hashes. */
import { SpqrError, type HeldOutLosses, type TrainerApi, type TrainingTrace } from '../../core/contracts'
import { sha256Hex } from '../../core/hash'

export interface TrainedCheckpoint {
  step: number
  sha256: string
  bytes: Uint8Array<ArrayBuffer>
}

/** Losses of all steps, and an adapter for every checkpoint behind step 0. */
export interface ImportedTraining {
  losses: number[]
  checkpoints: TrainedCheckpoint[]
  /** At each checkpoint, 0 among them; absent where no picture is held out. */
  heldOut?: HeldOutLosses[] | undefined
}

/** The key under which an engine holds a checkpoint that was handed over. */
export const importedKey = (sha256: string): string => `imported-${sha256}`

/**
 * Takes no step: hands out what was trained.
 * @throws {SpqrError} HASH_MISMATCH when a checkpoint's bytes are not those that its hash names
 */
export function importedTrainer({
  losses,
  checkpoints,
  heldOut,
}: ImportedTraining): Pick<TrainerApi, 'train' | 'abort' | 'exportAdapter'> {
  for (const { step, sha256, bytes } of checkpoints)
    if (sha256Hex(bytes) !== sha256)
      throw new SpqrError(
        'HASH_MISMATCH',
        `The checkpoint of step ${step} is not the one with SHA-256 ${sha256.slice(0, 12)}….`,
        'It was damaged on its way: submit the run again.',
      )
  const found = (fits: (one: TrainedCheckpoint) => boolean, what: string): Promise<TrainedCheckpoint> => {
    const checkpoint = checkpoints.find(fits)
    return checkpoint
      ? Promise.resolve(checkpoint)
      : Promise.reject(new SpqrError('CHECKPOINT_INVALID', `${what} was not handed over.`, 'Submit the run again.'))
  }
  return {
    async train(_alignment, _fineTune, toStep) {
      const { sha256 } = await found(({ step }) => step === toStep, `The checkpoint of step ${toStep}`)
      const measured = heldOut?.filter(({ step }) => step === 0 || step === toStep)
      const trace: TrainingTrace = {
        losses: losses.slice(0, toStep),
        adapterSha256: sha256,
        ...(measured ? { heldOut: measured } : {}),
      }
      return { checkpointKey: importedKey(sha256), trace }
    },
    async exportAdapter(key) {
      const { bytes, sha256 } = await found((one) => importedKey(one.sha256) === key, 'The checkpoint')
      return { bytes, sha256 }
    },
    abort: () => Promise.resolve(),
  }
}
