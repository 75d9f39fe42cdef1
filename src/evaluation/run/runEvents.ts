/** What a run reports while it goes, what it needs to go, and how it is paused. */
import {
  SpqrError,
  type CurvePoint,
  type EngineApi,
  type EngineEvent,
  type GeneratedImage,
  type Outcome,
  type Report,
  type RunStore,
  type Shard,
  type Stage,
  type StatisticsApi,
  type TrainerApi,
  type WorkUnit,
} from '../../core/contracts'

/** The part of AbortSignal that is used here, so that this layer needs no DOM. */
export interface CancelSignal {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

export interface StageCount {
  planned: number
  done: number
  failed: number
}
export interface RunProgress {
  planned: number
  done: number
  failed: number
  byStage: Record<Stage, StageCount>
  /** Images per second of this session, loading and training left out; null before the first batch. */
  imagesPerSecond: number | null
  /** Estimate for the images still to make, in seconds; null before the first batch. */
  secondsLeft: number | null
}

export type RunPhase = 'prepare' | 'train' | 'generate' | 'score'
export type RunEvent =
  /** First event: `resumed` units were found in the store. */
  | { type: 'plan'; runId: string; units: readonly WorkUnit[]; resumed: number; progress: RunProgress }
  | { type: 'phase'; phase: RunPhase; stage: Stage | null; step: number | null; progress: RunProgress }
  /** Downloads and loading inside a worker. */
  | { type: 'engine'; event: EngineEvent }
  | { type: 'training'; step: number; steps: number; loss: number; msPerStep: number }
  /** Pictures whose judges are still on their way; 'results' brings them again, judged and stored. */
  | { type: 'drawn'; pictures: readonly { unit: WorkUnit; image: GeneratedImage }[] }
  /** A batch is made and stored. `image` is null when there is none to show. */
  | {
      type: 'results'
      results: { unit: WorkUnit; outcome: Outcome; image: GeneratedImage | null }[]
      progress: RunProgress
    }
  /** Every checkpoint measured so far, whenever one more is; intervals from fewer resamples than the Report's. */
  | { type: 'curve'; curve: CurvePoint[]; harmfulness: Report['harmfulness'] }
  | { type: 'warning'; code: string; message: string }
  | { type: 'paused'; progress: RunProgress }
  | { type: 'resumed'; progress: RunProgress }

/** Everything a run needs from outside; src/wiring/openPack.ts provides it. */
export interface RunPorts {
  /** Opened with the pack of the run. */
  engine: EngineApi
  /** A fresh engine opened with the same pack, after the worker died or lost its device. */
  recreateEngine(): Promise<EngineApi>
  /** Needed only when the fine-tuning is live. */
  trainer: Pick<TrainerApi, 'train' | 'abort' | 'exportAdapter'> | null
  /** Whether training goes on in its worker while pictures are made; false where both would share the same cores. */
  trainAhead?: boolean
  statistics: Pick<StatisticsApi, 'score'>
  store: RunStore
  /** Features [n × dimension] of the quality judge's reference pictures, or null when there are none. */
  reference(): Promise<Float32Array | null>
  gate?: PauseGate
  /** Only this part of the run is made, and the canaries; absent: all of it. */
  shard?: Shard | undefined
  /** Milliseconds of a monotonic clock. */
  now(): number
  /** Images generated together; default 8. */
  batchSize?: number
  /** Bootstrap resamples; default 2,000. */
  resamples?: number
}

/** Holds a run between two batches. */
export class PauseGate {
  private waiting: (() => void)[] = []
  private readonly listeners: (() => void)[] = []
  private held = false
  /** How often the gate was closed. */
  pauses = 0

  get paused(): boolean {
    return this.held
  }

  pause(): void {
    this.held = true
    this.pauses += 1
    for (const listener of this.listeners) listener()
  }

  /** Calls `listener` whenever the gate closes. */
  onPause(listener: () => void): void {
    this.listeners.push(listener)
  }

  resume(): void {
    this.held = false
    for (const go of this.waiting.splice(0)) go()
  }

  /** Resolves when the gate is open or the signal is aborted. */
  async passed(signal: CancelSignal): Promise<void> {
    while (this.held && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const go = () => {
          signal.removeEventListener('abort', go)
          resolve()
        }
        this.waiting.push(go)
        signal.addEventListener('abort', go)
      })
    }
  }
}

export function throwIfAborted(signal: CancelSignal): void {
  if (signal.aborted)
    throw new SpqrError('ABORTED', 'The run was stopped.', 'Everything made so far is kept; start it again to go on.')
}
