/** Starts, pauses, stops and resumes one evaluation, and shows what comes of it. */
import {
  SpqrError,
  loadPart,
  reviveError,
  type DeviceChoice,
  type Report,
  type RunSpec,
  type Shard,
} from '../../core/contracts'
import { createRunSpec, promptsOf, type RecipePack, type RunOptions } from '../../evaluation/spec/spec'
import { importedKey, importedTrainer, type ImportedTraining } from '../../evaluation/run/importedTraining'
import { variantsKept } from '../../core/memory'
import { variantOf } from '../../evaluation/plan/plan'
import type { RunEvent, runEvaluation } from '../../evaluation/run/run'
import { PauseGate } from '../../evaluation/run/runEvents'
import { stagesOf } from '../../evaluation/run/tryout'
import { runId } from '../../evaluation/spec/specHash'
import type { Exhibit, Origin } from './exhibit.svelte'
import { ScreenAwake } from './awake.svelte'
import { Progress } from './progress.svelte'
import type { OpenPack, Services } from '../page/services'

export type RunStatus = 'idle' | 'opening' | 'running' | 'pausing' | 'paused' | 'stopping'

/** What a run needs besides the services: options of the specification, and the machine. */
export interface RunRequest {
  packName: string
  device: DeviceChoice
  batchSize: number
  options: RunOptions
  /** A stored specification to go on with, instead of one made from the options. */
  resume?: RunSpec
  /** Only this part of the run; absent: all of it. */
  shard?: Shard
  /** A live fine-tune that another machine trained; absent: it is trained here. */
  training?: ImportedTraining
}

/** What runs an evaluation: no visitor who only reads needs it. */
const loadRun = () => loadPart(() => import('../../evaluation/run/run'))

export class Runner {
  readonly progress = new Progress()
  readonly awake = new ScreenAwake()
  #status = $state<RunStatus>('idle')
  #spec = $state.raw<RunSpec | null>(null)
  #gate = new PauseGate()
  #stop: AbortController | null = null
  /** The reader is leaving the page: what then ends the workers is no fault of the run. */
  #leaving = false
  readonly #services: Services
  readonly #exhibit: Exhibit

  readonly busy = $derived(this.#status !== 'idle')

  constructor(services: Services, exhibit: Exhibit) {
    this.#services = services
    this.#exhibit = exhibit
    globalThis.addEventListener('pagehide', () => (this.#leaving = true))
    globalThis.addEventListener('pageshow', () => (this.#leaving = false))
  }

  get status(): RunStatus {
    return this.#status
  }
  get spec(): RunSpec | null {
    return this.#spec
  }

  /**
   * Loads what the run would begin with, where all that is read for it is in the browser already: the reader's hand is on
   * the button. `whole`: the reader rests, and the later stages that are here are loaded too, of a model whose stages stay
   * loaded side by side; nothing of another one. What goes wrong is said by the run itself.
   * @returns whether all of it is loaded
   */
  async warm({ packName, device, options }: RunRequest, pack: RecipePack | null, whole = false): Promise<boolean> {
    // A published model and judges that were added have their files elsewhere.
    if (this.busy || !pack || device.model || device.judges?.length) return false
    if (whole && variantsKept(pack.manifest) === 1) return false
    try {
      const spec = createRunSpec(options, pack)
      const stages = stagesOf(spec).slice(0, whole ? undefined : 1)
      const variants = stages.map((stage) => variantOf(spec, stage, null, null))
      const here = await Promise.all(variants.map((one) => this.#services.isStored(pack, one, spec.judges)))
      if (!here[0]) return false
      void loadRun().catch(() => undefined)
      let done = false
      await this.#services.warm(packName, device, async ({ ports: { engine } }, onEvent) => {
        const [first, ...later] = variants
          .filter((_, i) => here[i])
          .map((variant) => () => engine.prepare(variant, spec.judges, onEvent, true))
        for (const step of [first, () => engine.seat(null), ...later]) {
          // Whoever pressed a button meanwhile sees pictures first.
          if (this.#services.engineUse.busy) return
          await step?.()
        }
        done = here.every(Boolean)
      })
      return done
    } catch {
      return false
    }
  }

  /** Runs to the end. Returns null when it was stopped or one goes on already; throws SpqrError otherwise. */
  async run(request: RunRequest, onEvent?: (event: RunEvent) => void): Promise<Report | null> {
    if (this.busy) return null
    this.#status = 'opening'
    this.progress.begin()
    const stop = new AbortController()
    this.#stop = stop
    this.#gate = new PauseGate()
    // It comes while the engine opens; where it does not, that is said once the engine is open.
    void loadRun().catch(() => undefined)
    try {
      return await this.awake.during(() => this.#opened(request, stop.signal, onEvent))
    } catch (thrown) {
      if (stop.signal.aborted) return null
      if (this.#leaving)
        throw new SpqrError(
          'ABORTED',
          'The page was left while a run went on.',
          'Everything made so far is kept: open the page again and continue the run.',
        )
      throw reviveError(thrown)
    } finally {
      this.#status = 'idle'
      this.#stop = null
    }
  }

  /** Opens the engine and runs; an engine that dies while it opens is opened once more. */
  async #opened(
    request: RunRequest,
    signal: AbortSignal,
    onEvent?: (event: RunEvent) => void,
    again = true,
  ): Promise<Report> {
    let opened = false
    const { packName, device } = request
    try {
      return await this.#services.withEngine(
        'a run',
        packName,
        device,
        (open) => {
          opened = true
          return this.#evaluate(open, request, signal, onEvent)
        },
        (event) => this.progress.engine(event),
        signal,
      )
    } catch (thrown) {
      const error = reviveError(thrown)
      if (opened || !again || error.code !== 'WORKER_CRASHED' || signal.aborted) throw error
      this.progress.engine({
        type: 'warning',
        code: error.code,
        message: `${error.message} The engine is started again.`,
      })
      return this.#opened(request, signal, onEvent, false)
    }
  }

  async #evaluate(
    open: OpenPack,
    request: RunRequest,
    signal: AbortSignal,
    onEvent?: (event: RunEvent) => void,
  ): Promise<Report> {
    signal.throwIfAborted()
    const spec = request.resume ?? createRunSpec(request.options, open.pack)
    this.#spec = spec
    if (this.status === 'opening') this.#status = 'running'
    let made = false
    const pack = { ...open.pack, prompts: promptsOf(request.options, open.pack) }
    for (const { sha256, bytes } of request.training?.checkpoints ?? [])
      await open.ports.engine.holdCheckpoint(importedKey(sha256), bytes)
    const { runEvaluation } = await loadRun()
    const report = await this.#services.alone(runId(spec), () =>
      runEvaluation(signal, this.#ports(open, request), pack, spec, (event) => {
        this.#take(event, spec, open)
        made ||= event.type === 'results'
        onEvent?.(event)
      }),
    )
    const origin: Origin = made ? { kind: 'live' } : { kind: 'stored', at: report.record.createdAt }
    this.#exhibit.show(report, origin, (unitId) => this.#services.store.image(unitId), true)
    return report
  }

  /** Holds the run after the batch in flight. */
  pause(): void {
    if (this.#status !== 'running') return
    this.#gate.pause()
    this.#status = 'pausing'
  }

  resume(): void {
    this.#gate.resume()
    if (this.#status === 'paused' || this.#status === 'pausing') this.#status = 'running'
  }

  /** Ends the run; everything made stays stored. */
  stop(): void {
    if (!this.busy) return
    this.#status = 'stopping'
    this.#stop?.abort()
    this.#gate.resume()
  }

  #ports(open: OpenPack, request: RunRequest): Parameters<typeof runEvaluation>[1] {
    const { training } = request
    return {
      ...open.ports,
      ...(training ? { trainer: importedTrainer(training) } : {}),
      gate: this.#gate,
      batchSize: request.batchSize,
      shard: request.shard,
    }
  }

  #take(event: RunEvent, spec: RunSpec, open: OpenPack): void {
    this.progress.run(event)
    if (event.type === 'plan') {
      this.#exhibit.begin(spec, open.pack.judges, event.units, (unitId) => this.#services.store.image(unitId))
      if (event.resumed > 0) void this.#restore(event.runId)
    } else if (event.type === 'drawn') {
      for (const { unit, image } of event.pictures) this.#exhibit.drawn(unit, image)
    } else if (event.type === 'results') {
      for (const { outcome, image } of event.results) this.#exhibit.add(outcome, image)
    } else if (event.type === 'curve') {
      this.#exhibit.grow(event.curve, event.harmfulness)
    } else if (event.type === 'paused') {
      this.#status = 'paused'
    } else if (event.type === 'resumed') {
      this.#status = 'running'
    }
  }

  /** Puts the outcomes of an earlier session back on the stage; their pictures follow when a tile asks. */
  async #restore(runId: string): Promise<void> {
    const record = await this.#services.store.read(runId)
    for (const outcome of record?.outcomes ?? []) {
      if (!this.#exhibit.outcomes.has(outcome.unitId)) this.#exhibit.add(outcome, null)
    }
  }
}
