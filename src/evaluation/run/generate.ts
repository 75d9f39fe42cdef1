/**
 * One batch through the engine, whatever goes wrong: a dead worker is recreated once and the batch repeated, a batch
 * that does not fit into memory is halved, a single picture that does not fit is tried once more in a fresh engine (memory
 * that was broken into pieces is whole there), and what still fails is recorded as failed. Only an abort, or an engine
 * that fails every time, ends the run.
 */
import {
  reviveError,
  type BatchResult,
  type EngineApi,
  type EngineEvent,
  type GeneratedImage,
  type ModelVariant,
  type SamplerSpec,
  SpqrError,
  type UnitResult,
  type WorkUnit,
} from '../../core/contracts'

/** Batches in a row that may fail as a whole before the run stops. */
const PATIENCE = 3

export interface GeneratorOptions {
  engine: EngineApi
  recreateEngine(): Promise<EngineApi>
  judges: string[]
  onEngineEvent(event: EngineEvent): void
  onWarning(code: string, message: string): void
}

/** The adapter of a live checkpoint, from the trainer's memory or trained again. */
export type TrainAgain = () => Promise<Uint8Array<ArrayBuffer>>

function died(error: SpqrError): boolean {
  return error.code === 'WORKER_CRASHED' || error.code === 'DEVICE_LOST'
}

export class Generator {
  private engine: EngineApi
  private variant: ModelVariant | null = null
  private sampler: SamplerSpec | null = null
  private checkpoint: TrainAgain | null = null
  private failuresInARow = 0
  private loaded = false
  /** Another engine took over: it loads its judges at once. */
  private restarted = false
  /** Why there is no engine any more. */
  private gone: SpqrError | null = null

  constructor(private readonly options: GeneratorOptions) {
    this.engine = options.engine
  }

  /**
   * Loads the weights of a variant. `checkpoint` trains a live one again where what is stored of it is missing or
   * damaged. Other errors of loading end the run: nothing could be generated without them.
   */
  async prepare(variant: ModelVariant, sampler: SamplerSpec, checkpoint: TrainAgain | null = null): Promise<void> {
    this.variant = variant
    this.sampler = sampler
    this.checkpoint = checkpoint
    try {
      await this.load(this.engine, variant)
    } catch (thrown) {
      const error = reviveError(thrown)
      if (!died(error) && error.code !== 'MEMORY') throw error
      await this.recreate(error)
    }
  }

  /**
   * Draws a batch while its judges are still on their way; `run` takes the pictures. Null where there is nothing to wait
   * for, or where drawing failed: `run` then says so. Throws ABORTED.
   */
  async drawAhead(units: WorkUnit[]): Promise<{ images: GeneratedImage[]; judgesHere: boolean } | null> {
    if (this.seated || !this.sampler) return null
    try {
      return await this.engine.draw(units, this.sampler)
    } catch (thrown) {
      const error = reviveError(thrown)
      if (error.code === 'ABORTED') throw error
      return null
    }
  }

  /** Waits for the judges of a batch. Throws what loading one throws. */
  async seat(units: WorkUnit[]): Promise<void> {
    if (this.seated) return
    try {
      this.loaded = await this.engine.seat(units)
    } catch (thrown) {
      const error = reviveError(thrown)
      if (!died(error) && error.code !== 'MEMORY') throw error
      await this.recreate(error)
    }
  }

  /** The results of a batch, one per unit; throws only ABORTED, when no engine can be started, or after PATIENCE whole batches in a row failed. */
  async run(units: WorkUnit[]): Promise<BatchResult> {
    try {
      const result = await this.attempt(units, { restarts: 1 })
      this.failuresInARow = 0
      return result
    } catch (thrown) {
      const error = reviveError(thrown)
      if (error.code === 'ABORTED' || error === this.gone) throw error
      this.failuresInARow += 1
      if (this.failuresInARow >= PATIENCE) throw error
      this.options.onWarning(error.code, `${units.length} images failed: ${error.message}`)
      if (died(error)) await this.recreate(error)
      return allFailed(units, error)
    }
  }

  /** All judges are loaded; until then they come behind the first pictures. */
  get seated(): boolean {
    return this.loaded
  }

  /** Stops the work in flight at its next step. */
  abort(): Promise<void> {
    return this.engine.abort()
  }

  /** `left`: how often the engine may be started again for this batch. */
  private async attempt(units: WorkUnit[], left: { restarts: number }): Promise<BatchResult> {
    if (!this.sampler) throw new SpqrError('UNEXPECTED', 'No weights were prepared for these pictures.')
    try {
      return await this.engine.run(units, this.sampler)
    } catch (thrown) {
      const error = reviveError(thrown)
      if (error.code === 'MEMORY' && units.length > 1) {
        this.options.onWarning(
          'MEMORY',
          `A batch of ${units.length} does not fit into memory; it is made in two halves.`,
        )
        const half = Math.ceil(units.length / 2)
        return joined(await this.attempt(units.slice(0, half), left), await this.attempt(units.slice(half), left))
      }
      if ((died(error) || error.code === 'MEMORY') && left.restarts > 0) {
        left.restarts -= 1
        await this.recreate(error)
        return this.attempt(units, left)
      }
      throw error
    }
  }

  private async load(engine: EngineApi, variant: ModelVariant): Promise<void> {
    const { judges, onEngineEvent, onWarning } = this.options
    try {
      await engine.prepare(variant, judges, onEngineEvent, !this.restarted)
    } catch (thrown) {
      const error = reviveError(thrown)
      const { fineTune } = variant
      if (error.code !== 'CHECKPOINT_INVALID' || fineTune.kind !== 'checkpoint' || !this.checkpoint) throw error
      onWarning(error.code, `${error.message} ${error.hint}`)
      await engine.holdCheckpoint(fineTune.key, await this.checkpoint())
      await engine.prepare(variant, judges, onEngineEvent, !this.restarted)
    }
  }

  private async recreate(cause: SpqrError, tries = PATIENCE): Promise<void> {
    this.options.onWarning(cause.code, `${cause.message} The engine is started again and the run goes on.`)
    let fresh: EngineApi | null = null
    try {
      fresh = await this.options.recreateEngine()
      this.engine = fresh
      this.loaded = this.restarted = true
      if (this.variant) await this.load(fresh, this.variant)
    } catch (thrown) {
      const error = reviveError(thrown)
      // The new one may die like the old one, while it loads.
      if (died(error) && tries > 1) return this.recreate(error, tries - 1)
      if (!fresh) this.gone = error
      throw error
    }
  }
}

function joined(a: BatchResult, b: BatchResult): BatchResult {
  return {
    results: [...a.results, ...b.results],
    generateMs: a.generateMs + b.generateMs,
    judgeMs: a.judgeMs + b.judgeMs,
    unetEvaluations: a.unetEvaluations + b.unetEvaluations,
  }
}

function allFailed(units: readonly WorkUnit[], error: SpqrError): BatchResult {
  const results = units.map((unit): UnitResult => ({
    unitId: unit.id,
    status: 'failed',
    code: error.code,
    message: error.message,
    image: null,
  }))
  return { results, generateMs: 0, judgeMs: 0, unetEvaluations: 0 }
}
