/** The sessions of the generator at one variant: only what differs from the variant before is built again. */
import { readSafetensors, parseAdapter, type Adapter } from '../core/adapters'
import { alignClosedForm, alignmentFile, isTextProjection, type Projections } from '../core/alignment'
import { SpqrError, type AlignmentSpec, type ClosedFormAlignment, type Component, type ModelVariant, type PackManifest } from '../core/contracts'
import { adaptableWeights, targetsOf, type AdapterShelf } from './adapterShelf'
import { Denoiser } from './denoiser'
import { throwIfAborted, type OnEvent } from './events'
import type { PackFiles } from './files'
import { GpuLoop } from './gpuLoop'
import { Graph } from './graph'
import type { OrtRuntime } from './ort'
import { Pipeline } from './pipeline'
import { TextEncoder } from './text'
import type { PackTokenizer } from './tokenizer'
import { assertWeights, layOut } from './weights'

export interface ModelsOptions {
  runtime: OrtRuntime
  manifest: PackManifest
  files: PackFiles
  tokenizer: PackTokenizer
  shelf: AdapterShelf
  onEvent: OnEvent
}

const TEXT_PREFIX = 'text_encoder.'
const NO_ADAPTERS = '[]'

/** A built part and the adapters it was built with. */
interface Built<T> { key: string; part: T }

export class Models {
  onEvent: OnEvent
  private text: Built<TextEncoder> | null = null
  private unet: Built<Graph> | null = null
  private decoder: Graph | null = null
  private current: Pipeline | null = null
  private gpu: GpuLoop | null = null
  /** Closed-form alignments computed in this visit, by their specification. */
  private readonly computed = new Map<string, Uint8Array<ArrayBuffer>>()

  constructor(private readonly options: ModelsOptions) {
    this.onEvent = options.onEvent
  }

  get pipeline(): Pipeline {
    if (!this.current) throw new SpqrError('BAD_INPUT', 'No model is prepared yet.', 'Prepare a variant before running units.')
    return this.current
  }

  /** Builds what `variant` needs. Throws download, adapter, weight and graph errors; the earlier variant is gone then. */
  async prepare(variant: ModelVariant, signal: AbortSignal): Promise<void> {
    this.current = null
    const { manifest } = this.options
    const adapters = await this.adapters(variant, signal)
    const key = JSON.stringify([weightKey(variant.alignment), variant.fineTune])
    const text = adapters.map((adapter) => targetsOf(adapter, manifest.model.textEncoder, TEXT_PREFIX)).filter(({ targets }) => targets.size > 0)
    const textEncoder = await this.textEncoder(text.length > 0 ? key : NO_ADAPTERS, text, signal)
    this.decoder ??= await this.graph('decoder', manifest.model.vaeDecoder, [], signal)
    const own = adapters.map((adapter) => targetsOf(adapter, manifest.model.unet, '')).filter(({ targets }) => targets.size > 0)
    const unet = await this.build(this.unet, own.length > 0 ? key : NO_ADAPTERS, () => this.graph('U-Net', manifest.model.unet, own, signal), () => { this.unet = null })
    this.unet = unet
    const inference = variant.alignment?.kind === 'inference' ? variant.alignment : null
    // onnxruntime's device exists by now: a session does.
    this.gpu ??= this.options.runtime.provider === 'webgpu' ? await GpuLoop.create(this.options.runtime) : null
    this.current = new Pipeline(manifest.model, textEncoder, new Denoiser(unet.part, manifest.model.latent), this.decoder, inference, this.gpu)
  }

  /** The alignment as a file, as it would be merged. */
  async alignmentBytes(alignment: AlignmentSpec, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    switch (alignment.kind) {
      case 'pack':
      case 'file':
        if (alignment.kind === 'file' && alignment.more) throw new SpqrError('BAD_INPUT', `"${alignment.name}" are several files of yours, not one.`, 'You have them already; there is nothing to save.')
        return this.options.shelf.bytes(alignment, signal)
      case 'closed-form': return this.closedForm(alignment, signal)
      case 'inference': throw new SpqrError('BAD_INPUT', `${alignment.method} changes no weights, so there is nothing to save.`, 'Export an alignment that edits the model.')
    }
  }

  async release(): Promise<void> {
    this.current = null
    const parts = [this.text?.part, this.unet?.part, this.decoder]
    this.text = this.unet = this.decoder = this.gpu = null
    for (const part of parts) await part?.release()
  }

  private async adapters(variant: ModelVariant, signal: AbortSignal): Promise<Adapter[]> {
    const { alignment, fineTune } = variant
    const { shelf } = this.options
    const adapters: Adapter[] = []
    if (alignment?.kind === 'pack' || alignment?.kind === 'file') adapters.push(await shelf.alignment(alignment, signal))
    if (alignment?.kind === 'closed-form') adapters.push(await this.closedFormAdapter(alignment, signal))
    const tuned = await shelf.fineTune(fineTune, signal)
    return tuned ? [...adapters, tuned] : adapters
  }

  private async closedFormAdapter(spec: ClosedFormAlignment, signal: AbortSignal): Promise<Adapter> {
    const bytes = await this.closedForm(spec, signal)
    return parseAdapter(readSafetensors(bytes), adaptableWeights(this.options.manifest), { strength: 1, name: spec.method })
  }

  /** Always computed on the base weights and the base text encoder. */
  private async closedForm(spec: ClosedFormAlignment, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const key = JSON.stringify(spec)
    const known = this.computed.get(key)
    if (known) return known
    const encoder = await this.textEncoder(NO_ADAPTERS, [], signal)
    const { manifest, files } = this.options
    const { unet } = manifest.model
    this.onEvent({ type: 'phase', phase: 'align', what: spec.method })
    const file = readSafetensors(await files.load(unet.weights, signal))
    assertWeights('U-Net', file, unet)
    const projections: Projections = new Map([...file.tensors].flatMap(([name, tensor]) => {
      const [rows, columns] = tensor.shape
      return isTextProjection(name) && rows !== undefined && columns !== undefined ? [[name, { data: tensor.floats(), rows, columns }] as const] : []
    }))
    const edits = await alignClosedForm(spec, projections, (texts) => encoder.encodeTexts(texts))
    throwIfAborted(signal)
    const bytes = alignmentFile(edits)
    this.computed.set(key, bytes)
    return bytes
  }

  private async textEncoder(key: string, adapters: readonly Adapter[], signal: AbortSignal): Promise<TextEncoder> {
    const { manifest, tokenizer } = this.options
    const built = await this.build(this.text, key, async () => {
      const graph = await this.graph('text encoder', manifest.model.textEncoder, adapters, signal)
      return new TextEncoder(graph, tokenizer, (text, tokens) => this.onEvent({
        type: 'warning', code: 'PROMPT_TOO_LONG', message: `The prompt "${text.slice(0, 60)}${text.length > 60 ? '…' : ''}" is ${tokens} tokens too long; its end is not read.`,
      }))
    }, () => { this.text = null })
    this.text = built
    return built.part
  }

  /** Keeps a part that was built with the same adapters; else releases it first, so that two never lie in memory. */
  private async build<T extends { release(): Promise<void> }>(present: Built<T> | null, key: string, create: () => Promise<T>, forget: () => void): Promise<Built<T>> {
    if (present?.key === key) return present
    forget()
    await present?.part.release()
    return { key, part: await create() }
  }

  private async graph(what: string, component: Component, adapters: readonly Adapter[], signal: AbortSignal): Promise<Graph> {
    return createGraph(this.options.runtime, this.options.files, what, component, adapters, this.onEvent, signal)
  }
}

/** What of an alignment changes weights: the rest of it does not need another session. */
function weightKey(alignment: AlignmentSpec | null): AlignmentSpec | null {
  return alignment?.kind === 'inference' ? null : alignment
}

/** Graph and weights of a component, merged with adapters, as a session. */
export async function createGraph(
  runtime: OrtRuntime, files: PackFiles, what: string, component: Component, adapters: readonly Adapter[], onEvent: OnEvent, signal: AbortSignal,
): Promise<Graph> {
  const graph = await files.load(component.graph, signal)
  const weights = await files.load(component.weights, signal)
  if (adapters.length > 0) onEvent({ type: 'phase', phase: 'merge', what })
  const laidOut = layOut(what, component, weights, adapters)
  throwIfAborted(signal)
  onEvent({ type: 'phase', phase: 'session', what })
  return Graph.create(runtime, what, component, graph, laidOut)
}
