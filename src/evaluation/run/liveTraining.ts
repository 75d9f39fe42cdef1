/**
 * Live fine-tuning beside the evaluation: while the pictures of one checkpoint are made, the trainer is already on its
 * way to the next. A pause stops the steps where they are; they go on from there.
 */
import {
  reviveError,
  type AlignmentSpec,
  type LiveFineTune,
  type TrainerApi,
  type TrainerEvent,
  type TrainingTrace,
} from '../../core/contracts'
import type { CancelSignal, PauseGate } from './runEvents'

export interface Trained {
  checkpointKey: string
  trace: TrainingTrace
}

export interface LiveTrainingOptions {
  trainer: Pick<TrainerApi, 'train' | 'abort'>
  alignment: AlignmentSpec | null
  fineTune: LiveFineTune
  gate: PauseGate | undefined
  /** Waits while the run is paused; throws ABORTED when it is stopped. */
  pass(signal: CancelSignal): Promise<void>
  onStep(event: TrainerEvent): void
}

export class LiveTraining {
  private ahead: { step: number; trained: Promise<Trained> } | null = null

  constructor(private readonly options: LiveTrainingOptions) {
    const { gate } = options
    gate?.onPause(() => void this.stop())
  }

  /** Sets out for a later checkpoint without waiting for it. */
  start(signal: CancelSignal, step: number): void {
    if (this.ahead) return
    const trained = this.attempt(signal, step)
    // A failure is met by whoever asks for the checkpoint.
    trained.catch(() => undefined)
    this.ahead = { step, trained }
  }

  /** Trains up to `step`; answers when its checkpoint is stored. */
  async reach(signal: CancelSignal, step: number): Promise<Trained> {
    const { ahead } = this
    this.ahead = null
    return ahead?.step === step ? ahead.trained : this.attempt(signal, step)
  }

  /** Ends the steps in flight; what they reached stays stored. */
  async stop(): Promise<void> {
    await this.options.trainer.abort().catch(() => undefined)
  }

  private async attempt(signal: CancelSignal, step: number): Promise<Trained> {
    const { trainer, alignment, fineTune, gate, pass, onStep } = this.options
    for (;;) {
      await pass(signal)
      const pauses = gate?.pauses
      try {
        return await trainer.train(alignment, fineTune, step, onStep)
      } catch (thrown) {
        if (signal.aborted || gate?.pauses === pauses || reviveError(thrown).code !== 'ABORTED') throw thrown
      }
    }
  }
}
