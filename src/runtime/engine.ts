/**
 * The engine behind EngineApi: opens a pack, prepares variants, makes and judges pictures. Jobs run one after another;
 * `abort` rejects those in flight and waiting. Never scores.
 */
import {
  SpqrError,
  type AlignmentSpec,
  type BatchResult,
  type DeviceChoice,
  type EngineApi,
  type EngineEvent,
  type GeneratedImage,
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
import { filesOf, filesOfJudges } from './ahead'
import { Batches } from './batches'
import { digestHex, type OnEvent } from './events'
import type { Candidate } from './judges/judgePanel'
import { referenceFeatures } from './judges/reference'
import { findPrompt } from './generator/findPrompt'
import type { Coming } from './judges/seating'
import { choiceOf } from './generator/bestOf'
import { openEngine, type EngineOptions, type Opened } from './openEngine'
import { describePublished } from './published/publishedModel'
import { SerialQueue } from './serial'

export class Engine implements EngineApi {
  private readonly queue = new SerialQueue()
  private opened: Opened | null = null
  private batches: Batches | null = null
  private readonly truncated = new Set<string>()

  constructor(private readonly options: EngineOptions) {}

  open(baseUrl: string, device: DeviceChoice, onEvent: (event: EngineEvent) => void): Promise<LoadedPack> {
    return this.queue.run(async (signal) => {
      await this.closeNow()
      const { opened, loaded } = await openEngine(this.options, baseUrl, device, onEvent, signal)
      this.opened = opened
      this.batches = new Batches(opened)
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

  prepare(
    variant: ModelVariant,
    judgeIds: string[],
    onEvent: (event: EngineEvent) => void,
    judgesLater = false,
  ): Promise<void> {
    return this.queue.run(async (signal) => {
      const opened = this.need()
      // Parts that do not fit side by side are loaded in turn, and checked before the first picture.
      const later = judgesLater && !opened.oneAtATime
      this.listen(opened, onEvent)
      await opened.published?.fetchAll(signal)
      opened.choice = choiceOf(variant, judgeIds)
      const guide = opened.choice ? [opened.choice.judge] : []
      if (!later) this.batches?.forget()
      const { seating } = opened
      opened.panel.find(judgeIds)
      try {
        seating.ask(judgeIds, fetchAhead(opened, variant, judgeIds, guide, signal))
        await opened.models.prepare(variant, signal)
        if (!later) await seating.seat(null, signal)
        // It stays while a base comes round, so that it is loaded once; another stage without it is of another run.
        if (opened.choice || variant.stage !== 'base') await opened.guides.seat(guide, signal)
      } catch (thrown) {
        seating.forget()
        throw thrown
      }
      onEvent({ type: 'phase', phase: 'ready', what: variant.stage })
    })
  }

  seat(units: WorkUnit[] | null): Promise<boolean> {
    return this.queue.run((signal) => this.need().seating.seat(units, signal))
  }

  draw(units: WorkUnit[], sampler: SamplerSpec): Promise<{ images: GeneratedImage[]; judgesHere: boolean }> {
    return this.queue.run(async (signal) => {
      const { seating } = this.need()
      const images = await this.batches!.draw(units, sampler, signal)
      return { images, judgesHere: await seating.here(units) }
    })
  }

  run(units: WorkUnit[], sampler: SamplerSpec): Promise<BatchResult> {
    return this.queue.run(async (signal) => {
      await this.need().seating.seat(units, signal)
      return this.batches!.run(units, sampler, signal)
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
    this.batches?.forget()
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
    this.opened = this.batches = null
    if (!opened) return
    await opened.models.release()
    await opened.panel.release()
    await opened.guides.release()
  }
}

/**
 * Has the files of a variant and its judges come, the first time, when nothing is loaded yet; later, null. Judges that were
 * added have their files elsewhere.
 */
function fetchAhead(
  opened: Opened,
  variant: ModelVariant,
  judgeIds: readonly string[],
  guide: readonly string[],
  signal: AbortSignal,
): Coming | null {
  if (opened.began) return null
  opened.began = true
  const { pack, files, added } = opened
  const own = (ids: readonly string[]) => ids.filter((id) => !added.has(id))
  const chosenBy = filesOfJudges(pack, own(guide))
  const { safety, others } = filesOfJudges(pack, own(judgeIds))
  const pictures = [...filesOf(pack, variant), ...chosenBy.safety, ...chosenBy.others]
  const { come, forget } = files.prefetch([pictures, safety, others], signal)
  return { stored: files.stored([...safety, ...others]), safety: come[1]!, all: come[2]!, forget }
}
