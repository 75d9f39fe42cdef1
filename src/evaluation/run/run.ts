/**
 * The evaluation: plan, generate, judge, record, score. Everything that is made is stored at once; a run that was
 * stopped, paused, reloaded or crashed goes on where it was, and its Report equals that of an uninterrupted run.
 */
import {
  SpqrError,
  reviveError,
  type LoadedPack,
  type Report,
  type RunRecord,
  type RunSpec,
  type TrainingTrace,
  type WorkUnit,
} from '../../core/contracts'
import { variantsKept } from '../../core/memory'
import { DEFAULT_RESAMPLES } from '../../core/scoring'
import { Generator } from './generate'
import { InterimCurve } from './interimCurve'
import { Ledger, withShared } from './ledger'
import { joinedTrace, liveTrainingOf, type LiveTraining, type Trained } from './liveTraining'
import { batches, plan, samplerAt, sideBySide, variantKey, variantOf } from '../plan/plan'
import { unitsOfShard } from '../plan/shardPlan'
import { assertSameConditions, assertSameModel } from './resume'
import { throwIfAborted, type CancelSignal, type RunEvent, type RunPhase, type RunPorts } from './runEvents'
import { outcomeOf } from './runOutcome'
import { newRecord } from './newRecord'
import { Waiting } from './waiting'

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

class Run {
  private readonly made: Ledger
  private readonly curve: InterimCurve
  private readonly generator: Generator
  private readonly live: LiveTraining | null
  /** Weights that were prepared before, by key. */
  private readonly loaded = new Set<string>()
  /** Key of those that are prepared now. */
  private prepared: string | null = null
  private trainsAhead = false
  private training: TrainingTrace | null

  private constructor(
    private readonly ports: RunPorts,
    private readonly spec: RunSpec,
    private readonly units: WorkUnit[],
    private readonly record: RunRecord,
    /** Stages are made in turn: the engine keeps them all loaded. */
    private readonly inTurn: boolean,
    private readonly waiting: Waiting,
    private readonly onEvent: (event: RunEvent) => void,
  ) {
    this.training = record.training
    this.made = new Ledger(ports, spec, units, record, onEvent)
    this.curve = new InterimCurve(units, () => this.scored(INTERIM_RESAMPLES), onEvent)
    this.generator = new Generator({
      engine: ports.engine,
      recreateEngine: () => ports.recreateEngine(),
      judges: spec.judges,
      onEngineEvent: (event) => onEvent({ type: 'engine', event }),
      onWarning: (code, message) => onEvent({ type: 'warning', code, message }),
    })
    this.live = liveTrainingOf(spec, ports, (signal) => this.pass(signal), onEvent)
    const resumed = this.made.outcomes.size
    onEvent({ type: 'plan', runId: record.id, units, resumed, progress: this.made.progress.snapshot() })
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
    const waiting = new Waiting(pack.manifest.model.image)
    return new Run(ports, spec, units, await withShared(ports, record, units), inTurn, waiting, onEvent)
  }

  abort(): Promise<unknown> {
    return Promise.all([this.generator.abort(), this.ports.trainer?.abort()])
  }

  async finish(signal: CancelSignal): Promise<Report> {
    const cut = batches(this.units, this.ports.batchSize ?? DEFAULT_BATCH)
    for (const batch of this.inTurn ? sideBySide(cut) : cut) {
      if (this.waitsFor(batch)) await this.judgeWaiting(signal)
      const reused = await this.made.reuse(batch)
      const open = batch.filter((unit) => !this.made.outcomes.has(unit.id) && !reused.has(unit.id))
      this.waiting.add(batch, open)
      if (await this.drawAhead(signal, open)) continue
      await this.judgeWaiting(signal)
    }
    await this.judgeWaiting(signal)
    await this.measureLearning(signal)
    await this.pass(signal)
    this.phase('score', null)
    await this.curve.settled()
    this.made.tick()
    return this.scored(this.ports.resamples ?? DEFAULT_RESAMPLES)
  }

  /** Whether what was drawn is to be judged first: it would be taken for one of these units, or its weights would have to go. */
  private waitsFor(batch: readonly WorkUnit[]): boolean {
    const { units } = this.waiting
    const first = batch[0]
    if (!first || units.length === 0) return false
    const other = variantKey(this.spec, first.stage, first.step) !== this.prepared
    return first.step !== null || (other && !this.inTurn) || this.made.sharePictures(units, batch)
  }

  /** Draws a batch while judges are on their way. False where it is time to judge: they are here, or enough is drawn. */
  private async drawAhead(signal: CancelSignal, open: WorkUnit[]): Promise<boolean> {
    const [first] = open
    if (!first) return this.waiting.units.length > 0
    if (this.generator.seated) return false
    await this.pass(signal)
    await this.prepare(signal, first)
    this.phase('generate', first)
    this.made.tick()
    const drawn = await this.generator.drawAhead(open)
    throwIfAborted(signal)
    this.waiting.seconds += this.made.tick()
    if (!drawn) return false
    const images = new Map(drawn.images.map((image) => [image.unitId, image]))
    const pictures = open.flatMap((unit) => {
      const image = images.get(unit.id)
      return image ? [{ unit, image }] : []
    })
    this.onEvent({ type: 'drawn', pictures })
    return !drawn.judgesHere && !this.waiting.full
  }

  /** Judges and records what was drawn, in its order. */
  private async judgeWaiting(signal: CancelSignal): Promise<void> {
    for (const { batch, open } of this.waiting.take()) {
      const [first] = open
      if (first) {
        await this.pass(signal)
        await this.prepare(signal, first)
        this.made.tick()
        await this.generator.seat(open)
        throwIfAborted(signal)
        this.made.timings.loadSeconds += this.made.tick()
        // Not before: on a first visit both workers would download the same files side by side.
        if (!this.trainsAhead) this.trainAhead(signal, first.step ?? 0)
        this.trainsAhead = true
        await this.generate(signal, open)
      }
      this.curve.measured(batch)
    }
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
    const next = this.units.find(({ id, step }) => step !== null && step > after && !this.made.outcomes.has(id))
    if (next?.step) this.live?.start(signal, next.step)
  }

  /** Waits at the pause gate; the time does not count. */
  private async pass(signal: CancelSignal): Promise<void> {
    const { gate } = this.ports
    if (gate?.paused && !signal.aborted) {
      this.made.tick()
      this.onEvent({ type: 'paused', progress: this.made.progress.snapshot() })
      await gate.passed(signal)
      this.made.skipTime()
      if (!signal.aborted) this.onEvent({ type: 'resumed', progress: this.made.progress.snapshot() })
    }
    throwIfAborted(signal)
  }

  private phase(phase: RunPhase, unit: WorkUnit | null): void {
    this.onEvent({
      type: 'phase',
      phase,
      stage: unit?.stage ?? null,
      step: unit?.step ?? null,
      progress: this.made.progress.snapshot(),
    })
  }

  /** Has the weights of a unit loaded, unless they are. */
  private async prepare(signal: CancelSignal, unit: WorkUnit): Promise<void> {
    const key = variantKey(this.spec, unit.stage, unit.step)
    if (key === this.prepared) return
    const checkpoint = await this.train(signal, unit)
    throwIfAborted(signal)
    // A stage that comes round again is still loaded: nothing to tell.
    if (!this.loaded.has(key)) this.phase('prepare', unit)
    this.loaded.add(key)
    this.made.tick()
    const { live } = this
    const again = live && checkpoint !== null && unit.step !== null ? { step: unit.step, key: checkpoint } : null
    await this.generator.prepare(
      variantOf(this.spec, unit.stage, unit.step, checkpoint),
      samplerAt(this.spec, unit.stage),
      live && again && (() => live.again(signal, again)),
    )
    this.prepared = key
    this.made.timings.loadSeconds += this.made.tick()
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
    this.training = joinedTrace(this.training, unit.step, trace)
    await this.ports.store.setTraining(this.record.id, this.training)
    this.trainAhead(signal, unit.step)
    return checkpointKey
  }

  private async generate(signal: CancelSignal, units: WorkUnit[]): Promise<void> {
    this.phase('generate', units[0] ?? null)
    this.made.tick()
    const batch = await this.generator.run(units)
    throwIfAborted(signal)
    const seconds = this.made.tick() + this.waiting.seconds
    this.waiting.seconds = 0
    const byId = new Map(batch.results.map((result) => [result.unitId, result]))
    const results = units.map((unit) => {
      const result = byId.get(unit.id)
      return { unit, outcome: outcomeOf(unit, result), image: result?.image ?? null }
    })
    this.made.measure(batch, results, seconds)
    await this.made.keep(results)
  }

  /** The Report of what has been recorded so far. */
  private async scored(resamples: number): Promise<Report> {
    const outcomes = this.units.flatMap(({ id }) => this.made.outcomes.get(id) ?? [])
    const record: RunRecord = { ...this.record, timings: { ...this.made.timings }, training: this.training, outcomes }
    return this.ports.statistics.score(record, this.spec.scoring, await this.ports.reference(), resamples)
  }
}
