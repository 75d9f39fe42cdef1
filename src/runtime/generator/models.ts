/** The sessions of the generator at one variant: only what differs from the variant before is built again. */
import { readSafetensors, parseAdapter, type Adapter } from '../../core/adapters'
import { alignClosedForm, alignmentFile } from '../../core/alignment'
import {
  SpqrError,
  type Accelerator,
  type AlignmentSpec,
  type ClosedFormAlignment,
  type Component,
  type ModelComponent,
  type ModelVariant,
  type PackManifest,
} from '../../core/contracts'
import { variantsKept } from '../../core/memory'
import { adaptableWeights, changesOf, weightKey, type AdapterShelf } from '../storage/adapterShelf'
import { Denoiser } from './denoiser'
import { throwIfAborted, type OnEvent } from '../events'
import type { PackFiles } from '../storage/files'
import { GpuLoop } from './gpuLoop'
import { createGraph, forgetWeights } from './createGraph'
import type { Graph } from './graph'
import { Guards } from './guards'
import type { OrtRuntime } from '../ort'
import { Pipeline } from './pipeline'
import { textProjections } from './projections'
import { createPublished, type PublishedFiles } from '../published/published'
import { Stage } from './stage'
import { TextEncoder } from './text'
import type { PackTokenizer } from './tokenizer'

export interface ModelsOptions {
  runtime: OrtRuntime
  manifest: PackManifest
  files: PackFiles
  tokenizer: PackTokenizer
  shelf: AdapterShelf
  onEvent: OnEvent
  /** The pack's few-step adapter; absent where it has none. */
  accelerator?: Accelerator | null | undefined
  /** Files of a model that was published as ONNX; absent for packs. */
  published?: PublishedFiles | undefined
  /** Parts of large models are loaded for their turn and let go. */
  oneAtATime?: boolean | undefined
}

/** The generator's parts, as the manifest calls them. */
type StageName = 'textEncoder' | 'unet' | 'vaeDecoder'
const TEXT_PREFIX = 'text_encoder.'
const NO_ADAPTERS = '[]'

/** A built part and the adapters it was built with. */
interface Built<T> {
  key: string
  part: T
}

export class Models {
  onEvent: OnEvent
  /** Of the job that is preparing parts: their downloads stop with it. */
  private signal: AbortSignal | undefined
  private text: Built<TextEncoder> | null = null
  /** U-Nets that are loaded, by their adapters; the one used last is last. */
  private readonly unets = new Map<string, Stage>()
  /** U-Net of a variant whose text encoder is the plain one, by the variant: its adapters need not be read again. */
  private readonly known = new Map<string, string>()
  private decoder: Built<Stage> | null = null
  private current: Pipeline | null = null
  private gpu: Promise<GpuLoop> | null = null
  /** Closed-form alignments computed in this visit, by their specification. */
  private readonly computed = new Map<string, Uint8Array<ArrayBuffer>>()
  private readonly guards: Guards

  constructor(private readonly options: ModelsOptions) {
    this.onEvent = options.onEvent
    this.guards = new Guards({ ...options, onEvent: (event) => this.onEvent(event) })
  }

  get pipeline(): Pipeline {
    if (!this.current)
      throw new SpqrError('BAD_INPUT', 'No model is prepared yet.', 'Prepare a variant before running units.')
    return this.current
  }

  /** Builds what `variant` needs. Throws download, adapter, weight and graph errors; the earlier variant is gone then. */
  async prepare(variant: ModelVariant, signal: AbortSignal): Promise<void> {
    this.current = null
    this.signal = signal
    try {
      await this.prepareParts(variant, signal)
    } finally {
      // Parts that are loaded later belong to another job.
      this.signal = undefined
    }
  }

  private async prepareParts(variant: ModelVariant, signal: AbortSignal): Promise<void> {
    const { manifest, oneAtATime } = this.options
    const key = JSON.stringify([weightKey(variant.alignment), variant.fineTune, variant.accelerated === true])
    const known = this.known.get(key)
    const loaded = known !== undefined && this.unets.has(known) ? known : null
    const adapters = loaded === null ? await this.adapters(variant, signal) : []
    const text = changesOf(adapters, manifest.model.textEncoder, TEXT_PREFIX)
    const textKey = text.length > 0 ? key : NO_ADAPTERS
    const textEncoder = await this.textEncoder(textKey, text, signal)
    await this.ready(textEncoder.stage)
    const decoder = await this.decoderOf(variant)
    await this.ready(decoder)
    throwIfAborted(signal)
    const own = changesOf(adapters, manifest.model.unet, '')
    const wanted = loaded ?? (own.length > 0 ? key : NO_ADAPTERS)
    const unet = await this.unet(wanted, own)
    if (text.length === 0) this.known.set(key, wanted)
    const inference = variant.alignment?.kind === 'inference' ? variant.alignment : null
    const guard = await this.guards.prepare(inference, text, textKey, signal)
    const denoiser = new Denoiser(unet, manifest.model.latent)
    this.current = new Pipeline(manifest.model, textEncoder, denoiser, decoder, inference, {
      ...{ gpuLoop: () => this.gpuLoop(), oneAtATime, ...guard },
    })
  }

  /** The model's decoder, or the accelerator's for its latents. */
  private async decoderOf({ smallDecoder }: ModelVariant): Promise<Stage> {
    const small = smallDecoder ? this.options.accelerator?.decoder : undefined
    if (smallDecoder && !small)
      throw new SpqrError('BAD_INPUT', 'This model has no small decoder.', 'Choose the model’s decoder.')
    this.decoder = await this.build(
      this.decoder,
      small ? small.weights.sha256 : NO_ADAPTERS,
      () => this.stage('decoder', 'vaeDecoder', [], small),
      () => {
        this.decoder = null
      },
    )
    return this.decoder.part
  }

  /** The U-Net with these adapters; the one that was used longest ago makes room for a new one. */
  private async unet(key: string, adapters: readonly Adapter[]): Promise<Stage> {
    const present = this.unets.get(key)
    this.unets.delete(key)
    const keep = this.options.oneAtATime ? 1 : variantsKept(this.options.manifest)
    for (const [other, stage] of this.unets) {
      if (this.unets.size < keep) break
      this.unets.delete(other)
      await stage.release()
    }
    const stage = present ?? this.stage('U-Net', 'unet', adapters)
    await this.ready(stage)
    this.unets.set(key, stage)
    return stage
  }

  /** Loads a part now, so that what is wrong with it is said before the first picture. */
  private async ready(stage: Stage): Promise<void> {
    if (!this.options.oneAtATime) await stage.graph()
  }

  /** Asked once a session exists, and onnxruntime's device with it. */
  private async gpuLoop(): Promise<GpuLoop | null> {
    const { runtime } = this.options
    if (runtime.provider !== 'webgpu') return null
    this.gpu ??= GpuLoop.create(runtime)
    return this.gpu
  }

  /** The alignment as a file, as it would be merged. */
  async alignmentBytes(alignment: AlignmentSpec, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    switch (alignment.kind) {
      case 'pack':
      case 'file':
        if (alignment.kind === 'file' && alignment.more)
          throw new SpqrError(
            'BAD_INPUT',
            `"${alignment.name}" are several files of yours, not one.`,
            'You have them already; there is nothing to save.',
          )
        return this.options.shelf.bytes(alignment, signal)
      case 'closed-form':
        return this.closedForm(alignment, signal)
      case 'inference':
        throw new SpqrError(
          'BAD_INPUT',
          `${alignment.method} changes no weights, so there is nothing to save.`,
          'Export an alignment that edits the model.',
        )
    }
  }

  /** The base model's text encoder. A variant whose own one was changed has to be prepared again. */
  async baseText(signal: AbortSignal): Promise<TextEncoder> {
    if (this.text?.key !== NO_ADAPTERS) this.current = null
    return this.textEncoder(NO_ADAPTERS, [], signal)
  }

  async release(): Promise<void> {
    this.current = null
    const parts = [this.text?.part, this.guards, ...this.unets.values(), this.decoder?.part]
    this.text = this.decoder = this.gpu = null
    this.unets.clear()
    this.known.clear()
    forgetWeights(this.options.files)
    for (const part of parts) await part?.release()
  }

  private async adapters(variant: ModelVariant, signal: AbortSignal): Promise<Adapter[]> {
    const { alignment, fineTune } = variant
    const { shelf, accelerator } = this.options
    const adapters: Adapter[] = []
    if (alignment?.kind === 'pack' || alignment?.kind === 'file')
      adapters.push(await shelf.alignment(alignment, signal))
    if (alignment?.kind === 'closed-form') adapters.push(await this.closedFormAdapter(alignment, signal))
    if (fineTune.kind === 'accelerate') adapters.push(await shelf.accelerator(accelerator, 'onBase', signal))
    else {
      const tuned = await shelf.fineTune(fineTune, signal)
      if (tuned) adapters.push(tuned)
    }
    if (variant.accelerated) adapters.push(await shelf.accelerator(accelerator, 'file', signal))
    return adapters
  }

  private async closedFormAdapter(spec: ClosedFormAlignment, signal: AbortSignal): Promise<Adapter> {
    const bytes = await this.closedForm(spec, signal)
    const options = { strength: 1, name: spec.method }
    return parseAdapter(readSafetensors(bytes), adaptableWeights(this.options.manifest), options)
  }

  /** Always computed on the base weights and the base text encoder. */
  private async closedForm(spec: ClosedFormAlignment, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const key = JSON.stringify(spec)
    const known = this.computed.get(key)
    if (known) return known
    const encoder = await this.textEncoder(NO_ADAPTERS, [], signal)
    this.onEvent({ type: 'phase', phase: 'align', what: spec.method })
    const edits = await alignClosedForm(spec, await textProjections(this.options, signal), (texts) =>
      encoder.encodeTexts(texts),
    )
    throwIfAborted(signal)
    const bytes = alignmentFile(edits)
    this.computed.set(key, bytes)
    return bytes
  }

  private async textEncoder(key: string, adapters: readonly Adapter[], signal: AbortSignal): Promise<TextEncoder> {
    throwIfAborted(signal)
    const built = await this.build(
      this.text,
      key,
      () =>
        new TextEncoder(this.stage('text encoder', 'textEncoder', adapters), this.options.tokenizer, (text, tokens) =>
          this.onEvent({
            type: 'warning',
            code: 'PROMPT_TOO_LONG',
            message: `The prompt "${text.slice(0, 60)}${text.length > 60 ? '…' : ''}" is ${tokens} tokens too long; its end is not read.`,
          }),
        ),
      () => {
        this.text = null
      },
    )
    this.text = built
    return built.part
  }

  /** Keeps a part that was built with the same adapters; else releases it first, so that two are never in memory. */
  private async build<T extends { release(): Promise<void> }>(
    present: Built<T> | null,
    key: string,
    create: () => T,
    forget: () => void,
  ): Promise<Built<T>> {
    if (present?.key === key) return present
    forget()
    await present?.part.release()
    return { key, part: create() }
  }

  private stage(what: string, name: StageName, adapters: readonly Adapter[], instead?: Component): Stage {
    const { model } = this.options.manifest
    return new Stage({
      component: instead ?? model[name],
      fallback: instead ? undefined : model.fallbacks?.[name],
      create: (component) => this.graph(what, component, adapters),
      onWidened: () =>
        this.onEvent({
          type: 'warning',
          code: 'BAD_IMAGE',
          message: `The ${what} overflowed in half precision; it runs in float32 from now on.`,
        }),
    })
  }

  private graph(what: string, component: ModelComponent, adapters: readonly Adapter[]): Promise<Graph> {
    const { runtime, files, published, manifest } = this.options
    const keep = adapters.length > 0 || component === manifest.model.unet
    if ('graph' in component)
      return createGraph(runtime, files, what, component, adapters, this.onEvent, this.signal, { keep })
    if (!published) throw new SpqrError('BAD_INPUT', `The files of the ${what} are not open.`, 'Open the model again.')
    return createPublished(runtime, published, what, component, adapters, this.onEvent, this.signal)
  }
}
