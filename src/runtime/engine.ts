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
  type PromptSearch,
  type SamplerSpec,
  type SearchProgress,
  type UnitResult,
  type WorkUnit,
} from '../core/contracts'
import { filesOf } from './ahead'
import { digestHex, type OnEvent } from './events'
import { failedUnit, type Candidate } from './judges/judgePanel'
import { referenceFeatures } from './judges/reference'
import { findPrompt } from './generator/findPrompt'
import { namedIn } from './judges/names'
import { choiceOf, drawSafest } from './generator/bestOf'
import type { PipelineResult } from './generator/pipeline'
import { openEngine, type EngineOptions, type Opened } from './openEngine'
import { describePublished } from './published/publishedModel'
import { SerialQueue } from './serial'

export class Engine implements EngineApi {
  private readonly queue = new SerialQueue()
  private opened: Opened | null = null
  private readonly truncated = new Set<string>()

  constructor(private readonly options: EngineOptions) {}

  open(baseUrl: string, device: DeviceChoice, onEvent: (event: EngineEvent) => void): Promise<LoadedPack> {
    return this.queue.run(async (signal) => {
      await this.closeNow()
      const { opened, loaded } = await openEngine(this.options, baseUrl, device, onEvent, signal)
      this.opened = opened
      return loaded
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
      opened.choice = choiceOf(variant, judgeIds)
      const guide = opened.choice ? [opened.choice.judge] : []
      const own = [...judgeIds, ...guide].filter((id) => !opened.added.has(id))
      const forget = opened.began ? null : opened.files.prefetch(filesOf(opened.pack, variant, own), signal)
      opened.began = true
      try {
        await opened.models.prepare(variant, signal)
        await opened.panel.seat(judgeIds, signal)
        // It stays while a base comes round, so that it is loaded once; another stage without it is of another run.
        if (opened.choice || variant.stage !== 'base') await opened.guides.seat(guide, signal)
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
      const { pictures, unetEvaluations } = await draw(opened, pipeline, readable, sampler, signal)
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
          picture: { text: unit.text, width, height, rgb, ...namedIn(opened.pack, unit) },
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

  searchPrompt(search: PromptSearch, onStep: (progress: SearchProgress) => void): Promise<SearchProgress> {
    return this.queue.run(async (signal) => {
      const { models, published } = this.need()
      if (published)
        throw new SpqrError(
          'BAD_INPUT',
          'Prompts are searched for on the demo’s own model only.',
          'Choose the pack in the place of the published model.',
        )
      return findPrompt(await models.baseText(signal), search, onStep, signal)
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
    await opened.guides.release()
  }
}

/** Pictures of the prompts, as they come or the safest of several. */
function draw(
  { choice, guides, pack }: Opened,
  pipeline: Opened['models']['pipeline'],
  units: readonly WorkUnit[],
  sampler: SamplerSpec,
  signal: AbortSignal,
): Promise<PipelineResult> {
  if (units.length === 0) return Promise.resolve({ pictures: [], unetEvaluations: 0 })
  return choice
    ? drawSafest({ pipeline, guides, facts: pack.judges }, choice, units, sampler, signal)
    : pipeline.generate(units, sampler, signal)
}
