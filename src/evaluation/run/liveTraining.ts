/**
 * Live fine-tuning beside the evaluation: while the pictures of one checkpoint are made, the trainer is already on its
 * way to the next. A pause stops the steps where they are; they go on from there.
 */
import {
  reviveError,
  type AlignmentSpec,
  type LiveFineTune,
  type RunSpec,
  type TrainerApi,
  type TrainerEvent,
  type TrainingTrace,
} from '../../core/contracts'
import { LOSS_STEPS, onGrid } from '../../core/scoring/grid'
import { withHeldOut } from './heldOut'
import type { CancelSignal, PauseGate, RunEvent, RunPorts } from './runEvents'

export interface Trained {
  checkpointKey: string
  trace: TrainingTrace
}

interface LiveTrainingOptions {
  trainer: Pick<TrainerApi, 'train' | 'abort' | 'exportAdapter'>
  alignment: AlignmentSpec | null
  fineTune: LiveFineTune
  gate: PauseGate | undefined
  /** Waits while the run is paused; throws ABORTED when it is stopped. */
  pass(signal: CancelSignal): Promise<void>
  onStep(event: TrainerEvent): void
  onWarning(code: string, message: string): void
}

/** The live training of a run; null where it has none. `pass`: as in LiveTrainingOptions. */
export function liveTrainingOf(
  { alignment, fineTune }: RunSpec,
  { trainer, gate }: Pick<RunPorts, 'trainer' | 'gate'>,
  pass: LiveTrainingOptions['pass'],
  onEvent: (event: RunEvent) => void,
): LiveTraining | null {
  if (fineTune?.kind !== 'live' || !trainer) return null
  return new LiveTraining({
    trainer,
    alignment,
    fineTune,
    gate,
    pass,
    onStep: ({ step, loss, msPerStep }) => onEvent({ type: 'training', step, steps: fineTune.steps, loss, msPerStep }),
    onWarning: (code, message) => onEvent({ type: 'warning', code, message }),
  })
}

/** What a trainer does not survive, while the next one may. */
const DIED: ReadonlySet<string> = new Set(['WORKER_CRASHED', 'DEVICE_LOST', 'MEMORY'])
/** Times in a row, without a step in between, that the trainer is started again. */
const RESTARTS = 2

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

  /** Trains up to `step`; returns when its checkpoint is stored. */
  async reach(signal: CancelSignal, step: number): Promise<Trained> {
    const { ahead } = this
    this.ahead = null
    return ahead?.step === step ? ahead.trained : this.attempt(signal, step)
  }

  /** The adapter of a checkpoint that was reached before: as the trainer has it, else trained again. */
  async again(signal: CancelSignal, { step, key }: { step: number; key: string }): Promise<Uint8Array<ArrayBuffer>> {
    const { trainer } = this.options
    const known = await trainer.exportAdapter(key).catch(() => null)
    if (known) return known.bytes
    // The steps on the way to the next one would go first.
    await this.stop()
    const { checkpointKey } = await this.reach(signal, step)
    return (await trainer.exportAdapter(checkpointKey)).bytes
  }

  /** Ends the steps in flight; what they reached stays stored. */
  async stop(): Promise<void> {
    await this.options.trainer.abort().catch(() => undefined)
  }

  private async attempt(signal: CancelSignal, step: number): Promise<Trained> {
    const { trainer, alignment, fineTune, gate, pass, onStep, onWarning } = this.options
    let restarts = 0
    for (;;) {
      await pass(signal)
      const pauses = gate?.pauses
      try {
        return await trainer.train(alignment, fineTune, step, (event) => {
          restarts = 0
          onStep(event)
        })
      } catch (thrown) {
        if (signal.aborted) throw thrown
        const error = reviveError(thrown)
        if (error.code === 'ABORTED' && gate?.pauses !== pauses) continue
        if (!DIED.has(error.code) || restarts >= RESTARTS) throw thrown
        restarts += 1
        onWarning(error.code, `${error.message} Training is started again and goes on from what it stored.`)
      }
    }
  }
}

/**
 * What is known of a training once `step` was reached (again). The trainer returns all losses so far, or those since its
 * last checkpoint; a checkpoint whose pictures were lost is trained again, and what later steps gave stays.
 */
export function joinedTrace(
  known: TrainingTrace | null,
  step: number,
  { losses, adapterSha256, heldOut }: TrainingTrace,
): TrainingTrace {
  const earlier = known?.losses.slice(0, step - losses.length) ?? []
  const later = known?.losses.slice(step) ?? []
  return {
    losses: [...earlier, ...losses.map((loss) => onGrid(loss, LOSS_STEPS)), ...later],
    adapterSha256: known && later.length > 0 ? known.adapterSha256 : adapterSha256,
    ...withHeldOut(known?.heldOut, heldOut),
  }
}
