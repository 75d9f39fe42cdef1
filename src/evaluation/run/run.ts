/**
 * The evaluation: plan, generate, judge, record, score. Everything that is made is stored at once; a run that was
 * stopped, paused, reloaded or crashed goes on where it was, and its Report equals that of an uninterrupted run.
 */
import {
  SpqrError,
  reviveError,
  type GeneratedImage,
  type LoadedPack,
  type Outcome,
  type Report,
  type RunRecord,
  type RunSpec,
  type Timings,
  type TrainingTrace,
  type WorkUnit,
} from '../../core/contracts'
import { variantsKept } from '../../core/memory'
import { DEFAULT_RESAMPLES, deservesRetry, retried } from '../../core/scoring'
import { LOSS_STEPS, onGrid } from '../../core/scoring/grid'
import { Generator } from './generate'
import { LiveTraining, type Trained } from './liveTraining'
import { batches, plan, sideBySide, variantKey, variantOf } from '../plan/plan'
import { unitsOfShard } from '../plan/shardPlan'
import { assertSameConditions, assertSameModel } from './resume'
import { throwIfAborted, type CancelSignal, type RunEvent, type RunPhase, type RunPorts } from './runEvents'
import { outcomeOf, sameOutcome } from './runOutcome'
import { ProgressCounter } from './runProgress'
import { hashOf } from '../../core/hash'
import { withHeldOut } from './heldOut'
import { newRecord } from './newRecord'

export { PauseGate } from './runEvents'
export type { CancelSignal, RunEvent, RunPorts, RunProgress } from './runEvents'

const DEFAULT_BATCH = 8
/** Resamples of the curve while it grows. */
const INTERIM_RESAMPLES = 200

/**
 * Runs or resumes the evaluation that `spec` describes and returns its Report.
 * `pack.prompts` must hold the prompts the specification names (the user's own included).
 * Throws ABORTED when `signal` fires (what was made stays stored), errors of loading, and the engine's error when batch
 * after batch fails as a whole.
 */
export async function runEvaluation(
  signal: CancelSignal,
  ports: RunPorts,
  pack: LoadedPack,
  spec: RunSpec,
  onEvent: (event: RunEvent) => void,
): Promise<Report> {
  throwIfAborted(signal)
  const run = await Run.open(ports, pack, spec, onEvent)
  const stop = () => {
    // The batch in flight ends with ABORTED by itself; an engine that cannot even be told is reported there.
    void run.abort().catch(() => undefined)
  }
  signal.addEventListener('abort', stop)
  try {
    return await run.finish(signal)
  } catch (thrown) {
    // Nobody would ask for what is still being trained.
    await run.abort().catch(() => undefined)
    throwIfAborted(signal)
    throw reviveError(thrown)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Pictures are equal when weights, guidance, sampler, text and noise are. */
function pictureKey(spec: RunSpec, unit: WorkUnit): string {
  return hashOf([variantKey(spec, unit.stage, unit.step), spec.sampler, unit.text, unit.seed])
}

/** The record with what other runs have made of it already: a second fine-tune needs no new base and aligned pictures. */
async function withShared({ store }: RunPorts, record: RunRecord, units: readonly WorkUnit[]): Promise<RunRecord> {
  const known = new Set(record.outcomes.map(({ unitId }) => unitId))
  const open = new Map(units.filter(({ id }) => !known.has(id)).map((unit) => [unit.id, unit]))
  // The picture is the same, what it counts as need not be: labels are this run's. What was judged as harmful has no P and Q.
  const shared = (await store.judgedElsewhere(record, [...open.keys()])).flatMap((outcome) => {
    const unit = open.get(outcome.unitId)
    return unit && unit.harmful === outcome.harmful ? [sameOutcome(unit, outcome)] : []
  })
  if (shared.length === 0) return record
  await store.append(record.id, shared, [], record.timings)
  return { ...record, outcomes: [...record.outcomes, ...shared] }
}

/**
 * What is known of a training once `step` was reached (again). The trainer returns all losses so far, or those since its
 * last checkpoint; a checkpoint whose pictures were lost is trained again, and what later steps gave stays.
 */
function joined(
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

class Run {
  private readonly progress: ProgressCounter
  private readonly generator: Generator
  private readonly live: LiveTraining | null
  /** Weights that were prepared before, by key. */
  private readonly loaded = new Set<string>()
  /** The last unit of every checkpoint, by id: its block is complete when that one is. */
  private readonly lastOfStep: ReadonlySet<string>
  /** The curve being computed, and whether a newer one is wanted. */
  private drawing: Promise<void> | null = null
  private stale = false
  private readonly outcomes = new Map<string, Outcome>()
  /** Units that failed in an earlier session, for a reason that may have passed: they are made once more. */
  private readonly failedBefore: ReadonlyMap<string, Outcome>
  /** Outcome per picture: a live checkpoint at step 0 is the aligned model, and need not be made twice. */
  private readonly pictures = new Map<string, Outcome>()
  private readonly timings: Timings
  private training: TrainingTrace | null
  private lastTick: number

  private constructor(
    private readonly ports: RunPorts,
    private readonly spec: RunSpec,
    private readonly units: WorkUnit[],
    private readonly record: RunRecord,
    /** Stages are made in turn: the engine keeps them all loaded. */
    private readonly inTurn: boolean,
    private readonly onEvent: (event: RunEvent) => void,
  ) {
    this.timings = { ...record.timings }
    this.training = record.training
    this.lastTick = ports.now()
    this.progress = new ProgressCounter(units)
    const byId = new Map(units.map((unit) => [unit.id, unit]))
    const recorded = record.outcomes.filter((outcome) => byId.has(outcome.unitId))
    this.failedBefore = new Map(recorded.filter(deservesRetry).map((outcome) => [outcome.unitId, outcome]))
    const known = recorded.filter(({ unitId }) => !this.failedBefore.has(unitId))
    this.progress.add(known)
    for (const outcome of known) this.remember(byId.get(outcome.unitId), outcome)
    this.generator = new Generator({
      engine: ports.engine,
      recreateEngine: () => ports.recreateEngine(),
      judges: spec.judges,
      sampler: spec.sampler,
      onEngineEvent: (event) => onEvent({ type: 'engine', event }),
      onWarning: (code, message) => onEvent({ type: 'warning', code, message }),
    })
    this.lastOfStep = new Set(
      new Map(units.flatMap(({ id, step }) => (step === null ? [] : [[step, id] as const]))).values(),
    )
    const { alignment, fineTune } = spec
    const { trainer, gate } = ports
    this.live =
      fineTune?.kind !== 'live' || !trainer
        ? null
        : new LiveTraining({
            trainer,
            alignment,
            fineTune,
            gate,
            pass: (signal) => this.pass(signal),
            onStep: ({ step, loss, msPerStep }) =>
              onEvent({ type: 'training', step, steps: fineTune.steps, loss, msPerStep }),
            onWarning: (code, message) => onEvent({ type: 'warning', code, message }),
          })
    onEvent({ type: 'plan', runId: record.id, units, resumed: known.length, progress: this.progress.snapshot() })
  }

  static async open(
    ports: RunPorts,
    pack: LoadedPack,
    spec: RunSpec,
    onEvent: (event: RunEvent) => void,
  ): Promise<Run> {
    assertSameModel(spec, pack)
    const planned = plan(spec, pack.prompts)
    const units = ports.shard ? unitsOfShard(planned, ports.shard) : planned
    const record = await ports.store.open(newRecord(pack, spec, planned.length))
    assertSameConditions(record, pack)
    const inTurn = variantsKept(pack.manifest) > 1
    return new Run(ports, spec, units, await withShared(ports, record, units), inTurn, onEvent)
  }

  abort(): Promise<unknown> {
    return Promise.all([this.generator.abort(), this.ports.trainer?.abort()])
  }

  async finish(signal: CancelSignal): Promise<Report> {
    let prepared: string | null = null
    const cut = batches(this.units, this.ports.batchSize ?? DEFAULT_BATCH)
    for (const batch of this.inTurn ? sideBySide(cut) : cut) {
      const reused = await this.reuse(batch)
      const open = batch.filter((unit) => !this.outcomes.has(unit.id) && !reused.has(unit.id))
      const first = open[0]
      if (first) {
        await this.pass(signal)
        const key = variantKey(this.spec, first.stage, first.step)
        if (key !== prepared) {
          await this.prepare(signal, first)
          // Not before: on a first visit both workers would download the same files side by side.
          if (prepared === null) this.trainAhead(signal, first.step ?? 0)
          prepared = key
        }
        await this.generate(signal, open)
      }
      this.measured(batch)
    }
    await this.measureLearning(signal)
    await this.pass(signal)
    this.phase('score', null)
    this.stale = false
    await this.drawing
    return this.score()
  }

  /**
   * Checkpoints whose pictures were all taken from another run have not been trained for here, but what was learned by
   * them is still to be measured.
   */
  private async measureLearning(signal: CancelSignal): Promise<void> {
    const { fineTune } = this.spec
    if (fineTune?.kind !== 'live' || fineTune.heldOut === undefined || !this.live) return
    for (const [step, unit] of new Map(this.units.map((one) => [one.step, one]))) {
      if (!step || this.training?.heldOut?.some((one) => one.step === step)) continue
      await this.pass(signal)
      await this.train(signal, unit)
    }
  }

  /** Sets the trainer out for the next checkpoint that still lacks pictures, beside the making of others. */
  private trainAhead(signal: CancelSignal, after: number): void {
    if (this.ports.trainAhead === false) return
    const next = this.units.find(({ id, step }) => step !== null && step > after && !this.outcomes.has(id))
    if (next?.step) this.live?.start(signal, next.step)
  }

  /** Has the curve drawn again once every picture of a checkpoint is there. */
  private measured(batch: readonly WorkUnit[]): void {
    if (!batch.some(({ id }) => this.lastOfStep.has(id))) return
    this.stale = true
    this.drawing ??= this.draw().finally(() => {
      this.drawing = null
    })
  }

  private async draw(): Promise<void> {
    while (this.stale) {
      this.stale = false
      try {
        const { curve, harmfulness } = await this.scored(INTERIM_RESAMPLES)
        this.onEvent({ type: 'curve', curve: curve.filter(({ h }) => h.n > 0), harmfulness })
      } catch {
        // What is wrong with the record is told by the Report at the end.
      }
    }
  }

  private remember(unit: WorkUnit | undefined, outcome: Outcome): void {
    this.outcomes.set(outcome.unitId, outcome)
    if (unit && outcome.status === 'judged') this.pictures.set(pictureKey(this.spec, unit), outcome)
  }

  /** Waits at the pause gate; the time does not count. */
  private async pass(signal: CancelSignal): Promise<void> {
    const { gate } = this.ports
    if (gate?.paused && !signal.aborted) {
      this.tick()
      this.onEvent({ type: 'paused', progress: this.progress.snapshot() })
      await gate.passed(signal)
      this.lastTick = this.ports.now()
      if (!signal.aborted) this.onEvent({ type: 'resumed', progress: this.progress.snapshot() })
    }
    throwIfAborted(signal)
  }

  private tick(): number {
    const now = this.ports.now()
    const seconds = (now - this.lastTick) / 1000
    this.lastTick = now
    this.timings.totalSeconds += seconds
    return seconds
  }

  private phase(phase: RunPhase, unit: WorkUnit | null): void {
    this.onEvent({
      type: 'phase',
      phase,
      stage: unit?.stage ?? null,
      step: unit?.step ?? null,
      progress: this.progress.snapshot(),
    })
  }

  private async prepare(signal: CancelSignal, unit: WorkUnit): Promise<void> {
    const checkpoint = await this.train(signal, unit)
    throwIfAborted(signal)
    const key = variantKey(this.spec, unit.stage, unit.step)
    // A stage that comes round again is still loaded: nothing to tell.
    if (!this.loaded.has(key)) this.phase('prepare', unit)
    this.loaded.add(key)
    this.tick()
    const { live } = this
    const again = live && checkpoint !== null && unit.step !== null ? { step: unit.step, key: checkpoint } : null
    await this.generator.prepare(
      variantOf(this.spec, unit.stage, unit.step, checkpoint),
      live && again && (() => live.again(signal, again)),
    )
    this.timings.loadSeconds += this.tick()
  }

  /** Trains up to a live checkpoint; returns its key, or null when this stage needs none. */
  private async train(signal: CancelSignal, unit: WorkUnit): Promise<string | null> {
    const { fineTune } = this.spec
    if (unit.stage !== 'fine-tuned' || fineTune?.kind !== 'live' || !unit.step) return null
    if (!this.live)
      throw new SpqrError(
        'BAD_INPUT',
        `Pack "${this.spec.model.id}" cannot be fine-tuned in the browser.`,
        'Choose a fine-tune of the pack instead of "train".',
      )
    this.phase('train', unit)
    const { checkpointKey, trace }: Trained = await this.live.reach(signal, unit.step)
    throwIfAborted(signal)
    this.training = joined(this.training, unit.step, trace)
    await this.ports.store.setTraining(this.record.id, this.training)
    this.trainAhead(signal, unit.step)
    return checkpointKey
  }

  private async generate(signal: CancelSignal, units: WorkUnit[]): Promise<void> {
    this.phase('generate', units[0] ?? null)
    this.tick()
    const batch = await this.generator.run(units)
    throwIfAborted(signal)
    const seconds = this.tick()
    const byId = new Map(batch.results.map((result) => [result.unitId, result]))
    const results = units.map((unit) => {
      const result = byId.get(unit.id)
      return { unit, outcome: outcomeOf(unit, result), image: result?.image ?? null }
    })
    this.timings.generateSeconds += batch.generateMs / 1000
    this.timings.judgeSeconds += batch.judgeMs / 1000
    this.timings.unetEvaluations += batch.unetEvaluations
    this.timings.images += results.filter(({ image }) => image !== null).length
    this.progress.measure(units.length, 1000 * seconds)
    await this.keep(results)
  }

  /** Units of a batch whose picture exists already take its outcome; returns their ids. */
  private async reuse(batch: readonly WorkUnit[]): Promise<ReadonlySet<string>> {
    const results: { unit: WorkUnit; outcome: Outcome; image: GeneratedImage | null }[] = []
    for (const unit of batch) {
      const earlier = this.outcomes.has(unit.id) ? undefined : this.pictures.get(pictureKey(this.spec, unit))
      if (!earlier) continue
      const image = await this.ports.store.image(earlier.unitId)
      results.push({ unit, outcome: sameOutcome(unit, earlier), image: image && { ...image, unitId: unit.id } })
    }
    if (results.length > 0) await this.keep(results)
    return new Set(results.map(({ unit }) => unit.id))
  }

  private async keep(made: { unit: WorkUnit; outcome: Outcome; image: GeneratedImage | null }[]): Promise<void> {
    const results = made.map((result) => ({
      ...result,
      outcome: retried(result.outcome, this.failedBefore.get(result.unit.id)),
    }))
    const outcomes = results.map(({ outcome }) => outcome)
    for (const { unit, outcome } of results) this.remember(unit, outcome)
    this.progress.add(outcomes)
    const images = results.flatMap(({ image }) => (image ? [image] : []))
    await this.ports.store.append(
      this.record.id,
      outcomes,
      images,
      { ...this.timings },
      outcomes.filter(({ unitId }) => this.failedBefore.has(unitId)).length,
    )
    this.onEvent({ type: 'results', results, progress: this.progress.snapshot() })
  }

  private score(): Promise<Report> {
    this.tick()
    return this.scored(this.ports.resamples ?? DEFAULT_RESAMPLES)
  }

  /** The Report of what has been recorded so far. */
  private async scored(resamples: number): Promise<Report> {
    const outcomes = this.units.flatMap(({ id }) => this.outcomes.get(id) ?? [])
    const record: RunRecord = { ...this.record, timings: { ...this.timings }, training: this.training, outcomes }
    return this.ports.statistics.score(record, this.spec.scoring, await this.ports.reference(), resamples)
  }
}
