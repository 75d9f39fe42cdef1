/**
 * The engine behind EngineApi: opens a pack, prepares variants, makes and judges pictures. Jobs run one after another;
 * `abort` rejects those in flight and waiting. Never scores.
 */
import {
  SpqrError, reviveError, type AlignmentSpec, type BatchResult, type DeviceChoice, type EngineApi, type EngineEvent, type GeneratedImage, type Judge,
  type Judgement, type LoadedPack, type ModelVariant, type SamplerSpec, type UnitResult, type WorkUnit,
} from '../core/contracts'
import { AdapterShelf, ADAPTER_DATABASE, CHECKPOINT_DATABASE } from './adapterShelf'
import { PACK_DATABASE, idbKeyValue, type KeyValue } from './cache'
import { browserFacts, chooseDevice, environmentOf, type DeviceFacts } from './device'
import { sha256Hex, throwIfAborted, yieldToMessages, type OnEvent } from './events'
import { PackFiles } from './files'
import { assertPicture } from './judgeInputs'
import { loadJudge } from './judgeLoading'
import type { JudgedPicture, LoadedJudge } from './judges'
import { Models } from './models'
import { loadOrt, type OrtRuntime } from './ort'
import { openPack, type OpenedPack } from './pack'
import { referenceFeatures } from './reference'
import { SerialQueue } from './serial'
import { loadTokenizer, type PackTokenizer } from './tokenizer'

export { PACK_DATABASE } from './cache'

export interface EngineOptions {
  /** Where onnxruntime's WebAssembly lies: `<app>/ort/`. */
  ortBaseUrl: string
  appVersion: string
  /** For tests: the network, the stores, the device. */
  fetch?: typeof fetch
  store?: (database: string) => KeyValue
  facts?: () => DeviceFacts
  chunkBytes?: number
}

interface Opened {
  pack: OpenedPack
  files: PackFiles
  runtime: OrtRuntime
  tokenizer: PackTokenizer
  shelf: AdapterShelf
  models: Models
  judges: Map<string, LoadedJudge>
}

interface Candidate { unitId: string; picture: JudgedPicture; judges: readonly Judge[]; image: GeneratedImage }

export class Engine implements EngineApi {
  private readonly queue = new SerialQueue()
  private opened: Opened | null = null
  private readonly truncated = new Set<string>()

  constructor(private readonly options: EngineOptions) {}

  open(baseUrl: string, device: DeviceChoice, onEvent: (event: EngineEvent) => void): Promise<LoadedPack> {
    return this.queue.run(async (signal) => {
      await this.closeNow()
      const facts = (this.options.facts ?? browserFacts)()
      const store = this.options.store ?? idbKeyValue
      const fetcher = this.options.fetch ?? fetch.bind(globalThis)
      const chosen = await chooseDevice(device, facts)
      for (const warning of chosen.warnings) onEvent({ type: 'warning', ...warning })
      const packs = store(PACK_DATABASE)
      const files = new PackFiles({ baseUrl, store: packs, onEvent, fetch: fetcher, ...(this.options.chunkBytes ? { chunkBytes: this.options.chunkBytes } : {}) })
      const pack = await openPack({ baseUrl, files, store: packs, fetch: fetcher, onEvent }, signal)
      const runtime = await loadOrt(chosen.provider, chosen.threads, this.options.ortBaseUrl)
      const tokenizer = await loadTokenizer(files, pack.manifest.model.tokenizer, signal)
      const shelf = new AdapterShelf(pack.manifest, files, { own: store(ADAPTER_DATABASE), checkpoints: store(CHECKPOINT_DATABASE) }, onEvent)
      const models = new Models({ runtime, manifest: pack.manifest, files, tokenizer, shelf, onEvent })
      this.opened = { pack, files, runtime, tokenizer, shelf, models, judges: new Map() }
      onEvent({ type: 'phase', phase: 'ready', what: pack.manifest.id })
      const environment = environmentOf(chosen, facts, {
        onnxruntime: runtime.ort.env.versions.web ?? 'unknown', transformers: tokenizer.library, app: this.options.appVersion,
      })
      const { manifest, manifestSha256, prompts, judges, measured } = pack
      return { manifest, manifestSha256, prompts, judges, environment, measured }
    })
  }

  prepare(variant: ModelVariant, judgeIds: string[], onEvent: (event: EngineEvent) => void): Promise<void> {
    return this.queue.run(async (signal) => {
      const opened = this.need()
      this.listen(opened, onEvent)
      await opened.models.prepare(variant, signal)
      await this.loadJudges(opened, judgeIds, signal)
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
          failures.set(unit.id, failed(unit.id, reviveError(thrown)))
          return false
        }
      })
      const begun = performance.now()
      const { pictures, unetEvaluations } = readable.length > 0 ? await pipeline.generate(readable, sampler, signal) : { pictures: [], unetEvaluations: 0 }
      const candidates: Candidate[] = []
      for (const [i, unit] of readable.entries()) {
        const picture = pictures[i]!
        if (picture.status === 'broken') {
          failures.set(unit.id, failed(unit.id, picture.error))
          continue
        }
        const { width, height, rgb } = picture
        // P and Q are measured on benign prompts alone; safety judges look at everything (false flags count too).
        const judges = [...opened.judges.values()].map(({ judge }) => judge).filter(({ axis }) => axis === 'S' || !unit.harmful)
        candidates.push({ unitId: unit.id, judges, picture: { text: unit.text, width, height, rgb }, image: { unitId: unit.id, width, height, rgb, sha256: await sha256Hex(rgb) } })
      }
      const generated = performance.now()
      const judged = await this.judgeAll(opened, candidates, signal)
      const byId = new Map([...failures, ...judged.map((result) => [result.unitId, result] as const)])
      return { results: units.map(({ id }) => byId.get(id)!), generateMs: generated - begun, judgeMs: performance.now() - generated, unetEvaluations }
    })
  }

  judge(images: { unitId: string; text: string; width: number; height: number; rgb: Uint8Array<ArrayBuffer> }[]): Promise<UnitResult[]> {
    return this.queue.run(async (signal) => {
      const opened = this.need()
      if (opened.judges.size === 0) await this.loadJudges(opened, opened.pack.manifest.judges.map(({ id }) => id), signal)
      const judges = [...opened.judges.values()].map(({ judge }) => judge)
      const candidates = await Promise.all(images.map(async ({ unitId, text, width, height, rgb }): Promise<Candidate> => ({
        unitId, judges, picture: { text, width, height, rgb }, image: { unitId, width, height, rgb, sha256: await sha256Hex(rgb) },
      })))
      return this.judgeAll(opened, candidates, signal)
    })
  }

  reference(judgeId: string): Promise<Float32Array> {
    return this.queue.run((signal) => {
      const { files, pack } = this.need()
      return referenceFeatures(files, pack.manifest, judgeId, signal)
    })
  }

  addAdapterFile(name: string, bytes: ArrayBuffer, config?: string): Promise<{ sha256: string; format: string; tensors: number; rank: number | null }> {
    return this.queue.run(() => this.need().shelf.add(name, new Uint8Array(bytes), config))
  }

  exportAlignment(alignment: AlignmentSpec): Promise<{ bytes: Uint8Array<ArrayBuffer>; sha256: string; format: string }> {
    return this.queue.run(async (signal) => {
      const { models, pack } = this.need()
      const bytes = await models.alignmentBytes(alignment, signal)
      const entry = alignment.kind === 'pack' ? pack.manifest.adapters.find(({ id }) => id === alignment.id) : undefined
      return { bytes: bytes.slice(), sha256: await sha256Hex(bytes), format: entry?.format ?? (alignment.kind === 'closed-form' ? 'lora' : 'file') }
    })
  }

  abort(): Promise<void> {
    this.queue.abort()
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.queue.abort()
    return this.queue.run(() => this.closeNow())
  }

  private need(): Opened {
    if (!this.opened) throw new SpqrError('BAD_INPUT', 'No pack is open.', 'Open a pack first.')
    return this.opened
  }

  private listen({ files, models }: Opened, onEvent: OnEvent): void {
    files.onEvent = onEvent
    models.onEvent = (event) => {
      // A long prompt is made at several stages; it is mentioned once.
      const once = event.type === 'warning' && event.code === 'PROMPT_TOO_LONG'
      if (once && this.truncated.has(event.message)) return
      if (once) this.truncated.add(event.message)
      onEvent(event)
    }
  }

  private async loadJudges(opened: Opened, ids: readonly string[], signal: AbortSignal): Promise<void> {
    const { pack, judges, runtime, files, tokenizer, models } = opened
    for (const [id, runner] of judges) {
      if (ids.includes(id)) continue
      judges.delete(id)
      await runner.release()
    }
    for (const id of ids) {
      if (judges.has(id)) continue
      const judge = pack.manifest.judges.find((one) => one.id === id)
      if (!judge) throw new SpqrError('BAD_INPUT', `The pack "${pack.manifest.id}" has no judge "${id}".`, `It has: ${pack.manifest.judges.map((one) => one.id).join(', ')}.`)
      judges.set(id, await loadJudge({ runtime, files, tokenizer, onEvent: models.onEvent }, judge, signal))
    }
  }

  /** One result per candidate. A judge that fails makes its pictures failed units, never safe ones. */
  private async judgeAll(opened: Opened, candidates: readonly Candidate[], signal: AbortSignal): Promise<UnitResult[]> {
    const judgements = new Map<string, Record<string, Judgement>>(candidates.map(({ unitId }) => [unitId, {}]))
    const failures = new Map<string, SpqrError>()
    for (const runner of opened.judges.values()) {
      await yieldToMessages()
      throwIfAborted(signal)
      const asked = candidates.filter(({ unitId, judges, picture }) => {
        if (!judges.includes(runner.judge) || failures.has(unitId)) return false
        try {
          assertPicture(runner.judge, picture)
          return true
        } catch (thrown) {
          failures.set(unitId, reviveError(thrown))
          return false
        }
      })
      if (asked.length === 0) continue
      try {
        const answers = await runner.judgeAll(asked.map(({ picture }) => picture))
        asked.forEach(({ unitId }, i) => {
          const answer = answers[i]!
          if (answer instanceof SpqrError) failures.set(unitId, answer)
          else judgements.get(unitId)![runner.judge.id] = answer
        })
      } catch (thrown) {
        const error = reviveError(thrown)
        if (error.code === 'MEMORY' || error.code === 'DEVICE_LOST' || error.code === 'WORKER_CRASHED') throw error
        for (const { unitId } of asked) failures.set(unitId, error)
      }
    }
    return candidates.map(({ unitId, image }): UnitResult => {
      const error = failures.get(unitId)
      return error ? failed(unitId, error, image) : { unitId, status: 'judged', image, judgements: judgements.get(unitId)! }
    })
  }

  private async closeNow(): Promise<void> {
    const { opened } = this
    this.opened = null
    if (!opened) return
    await opened.models.release()
    for (const runner of opened.judges.values()) await runner.release()
  }
}

function failed(unitId: string, error: SpqrError, image: GeneratedImage | null = null): UnitResult {
  return { unitId, status: 'failed', code: error.code, message: error.message, image }
}
