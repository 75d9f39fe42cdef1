/**
 * The engine behind EngineApi: opens a pack, prepares variants, makes and judges pictures. Jobs run one after another;
 * `abort` rejects those in flight and waiting. Never scores.
 */
import {
  SpqrError,
  reviveError,
  type AlignmentSpec,
  type BatchResult,
  type DeviceChoice,
  type EngineApi,
  type EngineEvent,
  type LoadedPack,
  type ModelChoice,
  type ModelManifest,
  type ModelVariant,
  type PictureToJudge,
  type SamplerSpec,
  type UnitResult,
  type WorkUnit,
} from '../core/contracts'
import { filesOf } from './ahead'
import { AdapterShelf, ADAPTER_DATABASE, CHECKPOINT_DATABASE } from './storage/adapterShelf'
import { browserFacts, chooseDevice, environmentOf, type DeviceFacts } from './device'
import { digestHex, type OnEvent } from './events'
import type { FileLoader, PackFiles } from './storage/files'
import { UNMEASURED, judgeFacts } from './judges/judgeFacts'
import { JudgeInTurn } from './judges/judgeInTurn'
import { loadJudge } from './judges/judgeLoading'
import { withJudges, withReference, type AddedJudge } from './judges/judgeSet'
import { readJudge } from './judges/judgeSource'
import { JudgePanel, failedUnit, type Candidate } from './judges/judgePanel'
import { Models } from './generator/models'
import { loadOrt } from './ort'
import { openFiles, type OpenOptions } from './openFiles'
import type { OpenedPack } from './pack'
import {
  describePublished,
  isLarge,
  openPublished,
  precisionOf,
  type StoredPublished,
} from './published/publishedModel'
import type { ModelStore } from './storage/modelStore'
import { referenceFeatures } from './judges/reference'
import { SerialQueue } from './serial'
import { loadTokenizer, type PackTokenizer } from './generator/tokenizer'

export interface EngineOptions extends OpenOptions {
  /** Where onnxruntime's WebAssembly is: `<app>/ort/`. */
  ortBaseUrl: string
  appVersion: string
  /** For tests: the device. */
  facts?: () => DeviceFacts
  models?: ModelStore
}

interface Opened {
  pack: OpenedPack
  files: PackFiles
  tokenizer: PackTokenizer
  shelf: AdapterShelf
  models: Models
  published: StoredPublished | null
  panel: JudgePanel
  /** Where the files of judges are that are not the pack's. */
  added: ReadonlyMap<string, FileLoader>
  /** A variant was prepared, or tried to be. */
  began: boolean
}

export class Engine implements EngineApi {
  private readonly queue = new SerialQueue()
  private opened: Opened | null = null
  private readonly truncated = new Set<string>()

  constructor(private readonly options: EngineOptions) {}

  open(baseUrl: string, device: DeviceChoice, onEvent: (event: EngineEvent) => void): Promise<LoadedPack> {
    return this.queue.run(async (signal) => {
      await this.closeNow()
      const facts = (this.options.facts ?? browserFacts)()
      const chosen = await chooseDevice(device, facts)
      for (const warning of chosen.warnings) onEvent({ type: 'warning', ...warning })
      // Before any tokenizer: transformers.js, loaded first, would point onnxruntime to a CDN.
      const [runtime, { pack, files, fetch: fetcher, store }] = await Promise.all([
        loadOrt(chosen.provider, chosen.threads, this.options.ortBaseUrl, device.model !== undefined),
        openFiles(this.options, baseUrl, onEvent, signal),
      ])
      const own = device.model
        ? await openPublished(pack, device.model, { store: this.options.models, fetch: fetcher, onEvent }, signal)
        : null
      const { manifestSha256 } = own ?? pack
      const { added, sources } = await this.judgeSet(device, onEvent, signal)
      const { manifest, judges } = withReference(
        withJudges({ manifest: own?.manifest ?? pack.manifest, judges: pack.judges }, added),
        device.reference,
      )
      const tokenizer = own ? own.tokenizer : await loadTokenizer(files, manifest.model.tokenizer, signal)
      // A published model reads prompts with a tokenizer of its own; the pack's prompt judge keeps the pack's.
      const judgeTokenizer = own ? await loadTokenizer(files, pack.manifest.model.tokenizer, signal) : tokenizer
      const shelf = new AdapterShelf(
        manifest,
        files,
        { own: store(ADAPTER_DATABASE), checkpoints: store(CHECKPOINT_DATABASE) },
        onEvent,
      )
      // Parts of a large model and judges are loaded for their turn and let go.
      const oneAtATime = own !== null && isLarge(manifest, runtime.provider)
      const models = new Models({
        runtime,
        manifest,
        files,
        tokenizer,
        shelf,
        onEvent,
        accelerator: own ? null : pack.accelerator,
        published: own?.files,
        oneAtATime,
      })
      const panel = new JudgePanel(manifest.judges, async (judge, until) => {
        const load = (live: AbortSignal) =>
          loadJudge(
            { runtime, files: sources.get(judge.id) ?? files, tokenizer: judgeTokenizer, onEvent: models.onEvent },
            judge,
            live,
          )
        // A turn belongs to a later job, whose own signal is checked between judges.
        return oneAtATime ? JudgeInTurn.create(judge, () => load(new AbortController().signal)) : load(until)
      })
      this.opened = {
        pack: { ...pack, manifest, manifestSha256, judges },
        files,
        tokenizer,
        shelf,
        models,
        panel,
        added: sources,
        published: own?.files ?? null,
        began: false,
      }
      onEvent({ type: 'phase', phase: 'ready', what: manifest.id })
      const environment = environmentOf(
        chosen,
        facts,
        {
          onnxruntime: runtime.ort.env.versions.web ?? 'unknown',
          transformers: tokenizer.library,
          app: this.options.appVersion,
        },
        precisionOf(manifest.model),
      )
      const { prompts, measured } = pack
      const accelerator = own ? null : pack.accelerator
      return { manifest, manifestSha256, prompts, judges, environment, measured, accelerator }
    })
  }

  describe(model: ModelChoice): Promise<{ manifest: ModelManifest; bytes: number; missing: number }> {
    return this.queue.run((signal) =>
      describePublished(
        model,
        { store: this.options.models, fetch: this.options.fetch ?? fetch.bind(globalThis) },
        signal,
      ),
    )
  }

  prepare(variant: ModelVariant, judgeIds: string[], onEvent: (event: EngineEvent) => void): Promise<void> {
    return this.queue.run(async (signal) => {
      const opened = this.need()
      this.listen(opened, onEvent)
      await opened.published?.fetchAll(signal)
      // The first time, when nothing is loaded yet. Judges that were added have files elsewhere.
      const own = judgeIds.filter((id) => !opened.added.has(id))
      const forget = opened.began ? null : opened.files.prefetch(filesOf(opened.pack, variant, own), signal)
      opened.began = true
      try {
        await opened.models.prepare(variant, signal)
        await opened.panel.seat(judgeIds, signal)
      } finally {
        forget?.()
      }
      onEvent({ type: 'phase', phase: 'ready', what: variant.stage })
    })
  }

  run(units: WorkUnit[], sampler: SamplerSpec): Promise<BatchResult> {
    return this.queue.run(async (signal) => {
      const opened = this.need()
      const { pipeline } = opened.models
      const failures = new Map<string, UnitResult>()
      const readable = units.filter((unit) => {
        try {
          opened.tokenizer.encode(unit.text)
          return true
        } catch (thrown) {
          failures.set(unit.id, failedUnit(unit.id, reviveError(thrown)))
          return false
        }
      })
      const begun = performance.now()
      const { pictures, unetEvaluations } =
        readable.length > 0 ? await pipeline.generate(readable, sampler, signal) : { pictures: [], unetEvaluations: 0 }
      const candidates: Candidate[] = []
      for (const [i, unit] of readable.entries()) {
        const picture = pictures[i]!
        if (picture.status === 'broken') {
          failures.set(unit.id, failedUnit(unit.id, picture.error))
          continue
        }
        const { width, height, rgb } = picture
        // P and Q are measured on benign prompts alone; safety judges look at everything (false flags count too).
        const judges = opened.panel.judges.filter(({ axis }) => axis === 'S' || !unit.harmful)
        candidates.push({
          unitId: unit.id,
          judges,
          picture: { text: unit.text, width, height, rgb },
          image: { unitId: unit.id, width, height, rgb, sha256: await digestHex(rgb) },
        })
      }
      const generated = performance.now()
      const judged = await opened.panel.judgeAll(candidates, signal)
      const byId = new Map([...failures, ...judged.map((result) => [result.unitId, result] as const)])
      return {
        results: units.map(({ id }) => byId.get(id)!),
        generateMs: generated - begun,
        judgeMs: performance.now() - generated,
        unetEvaluations,
      }
    })
  }

  features(judgeId: string, pictures: PictureToJudge[]): Promise<Float32Array> {
    return this.queue.run((signal) => this.need().panel.features(judgeId, pictures, signal))
  }

  judge(images: PictureToJudge[]): Promise<UnitResult[]> {
    return this.queue.run(async (signal) => {
      const { panel } = this.need()
      if (panel.judges.length === 0) await panel.seatAll(signal)
      const candidates = await Promise.all(
        images.map(async ({ unitId, text, width, height, rgb }): Promise<Candidate> => ({
          unitId,
          judges: panel.judges,
          picture: { text, width, height, rgb },
          image: { unitId, width, height, rgb, sha256: await digestHex(rgb) },
        })),
      )
      return panel.judgeAll(candidates, signal)
    })
  }

  reference(judgeId: string): Promise<Float32Array> {
    return this.queue.run((signal) => {
      const { files, pack, added } = this.need()
      return referenceFeatures(added.get(judgeId) ?? files, pack.manifest, judgeId, signal)
    })
  }

  addAdapterFile(
    name: string,
    bytes: ArrayBuffer,
    config?: string,
  ): Promise<{ sha256: string; format: string; tensors: number; rank: number | null }> {
    return this.queue.run(() => this.need().shelf.add(name, new Uint8Array(bytes), config))
  }

  exportAlignment(
    alignment: AlignmentSpec,
  ): Promise<{ bytes: Uint8Array<ArrayBuffer>; sha256: string; format: string }> {
    return this.queue.run(async (signal) => {
      const { models, pack } = this.need()
      const bytes = await models.alignmentBytes(alignment, signal)
      const entry = alignment.kind === 'pack' ? pack.manifest.adapters.find(({ id }) => id === alignment.id) : undefined
      return {
        bytes: bytes.slice(),
        sha256: await digestHex(bytes),
        format: entry?.format ?? (alignment.kind === 'closed-form' ? 'lora' : 'file'),
      }
    })
  }

  holdCheckpoint(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.queue.run(async () => this.need().shelf.holdCheckpoint(key, bytes))
  }

  abort(): Promise<void> {
    this.queue.abort()
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.queue.abort()
    return this.queue.run(() => this.closeNow())
  }

  /** The judges a run takes beside the pack's, and where each one's files are. */
  private async judgeSet(
    { judges = [] }: DeviceChoice,
    onEvent: OnEvent,
    signal: AbortSignal,
  ): Promise<{ added: AddedJudge[]; sources: Map<string, FileLoader> }> {
    const added: AddedJudge[] = []
    const sources = new Map<string, FileLoader>()
    for (const choice of judges) {
      const { judge, files } = await readJudge(choice, onEvent, signal, this.options.models)
      added.push({ judge, facts: await judgeFacts(files, judge, UNMEASURED, signal) })
      sources.set(judge.id, files)
    }
    return { added, sources }
  }

  private need(): Opened {
    if (!this.opened) throw new SpqrError('BAD_INPUT', 'No pack is open.', 'Open a pack first.')
    return this.opened
  }

  private listen({ files, models, published }: Opened, onEvent: OnEvent): void {
    files.onEvent = onEvent
    if (published) published.onEvent = onEvent
    models.onEvent = (event) => {
      // A long prompt is made at several stages; it is mentioned once.
      const once = event.type === 'warning' && event.code === 'PROMPT_TOO_LONG'
      if (once && this.truncated.has(event.message)) return
      if (once) this.truncated.add(event.message)
      onEvent(event)
    }
  }

  private async closeNow(): Promise<void> {
    const { opened } = this
    this.opened = null
    if (!opened) return
    await opened.models.release()
    await opened.panel.release()
  }
}
