/**
 * A published repository → the model of a manifest, from its own files: graphs say ports, types and sizes, configurations
 * say schedule and scales. Everything assumed is noted, so that it can be confirmed before anything is downloaded.
 */
import {
  SpqrError,
  type DiffusionModel,
  type OnnxComponent,
  type RepositoryFile,
  type RepositoryTokenizer,
} from '../contracts'
import type { OnnxModel } from '../onnx'
import { deriveComponent, unsuitable } from './component'
import type { ModelIndexSchema, SchedulerFile, TokenizerFile, UnetFileSchema, VaeFileSchema } from './configs'
import type { InferOutput } from 'valibot'
import { samplingDefaults } from './defaults'
import type { PartName } from './layout'
import { ASSUMED_SCHEDULER, deriveScheduler, type SamplingDefaults } from './scheduler'
import { padTokenId, type Vocabulary } from './tokenizer'

export interface ReadGraph {
  file: RepositoryFile
  model: OnnxModel
}

/** What was read of a repository; null where there is no such file. */
export interface RepositoryFacts {
  /** As a person typed it, for errors and names. */
  id: string
  files: readonly RepositoryFile[]
  modelIndex: InferOutput<typeof ModelIndexSchema> | null
  scheduler: SchedulerFile | null
  unetConfig: InferOutput<typeof UnetFileSchema> | null
  vaeConfig: InferOutput<typeof VaeFileSchema> | null
  tokenizer: { config: TokenizerFile; vocabulary: Vocabulary; files: RepositoryTokenizer['files'] }
  graphs: Record<Exclude<PartName, 'vaeEncoder'>, ReadGraph> & { vaeEncoder: ReadGraph | null }
  /** Float32 graphs of parts whose chosen graph is in half precision. */
  fallbacks: Partial<Record<'textEncoder' | 'unet' | 'vaeDecoder', ReadGraph>>
  defaults: Partial<SamplingDefaults>
}

export interface DerivedModel {
  model: DiffusionModel
  notes: string[]
}

const FALLBACK_LATENT = 64
const SD_SCALING_FACTOR = 0.18215

/** Throws SOURCE_UNSUITABLE where parts do not fit each other or the pipeline. */
export function deriveModel(facts: RepositoryFacts): DerivedModel {
  const notes: string[] = []
  const component = (part: PartName, { file, model }: ReadGraph) => deriveComponent(part, file, model, facts.files)
  const { textEncoder, unet, vaeDecoder } = facts.graphs
  const parts = {
    textEncoder: component('textEncoder', textEncoder),
    unet: component('unet', unet),
    vaeDecoder: component('vaeDecoder', vaeDecoder),
  }
  const consistency = parts.unet.inputs.some(({ name }) => name === 'timestep_cond')
  const { defaults, note } = samplingDefaults(facts.id, consistency, facts.defaults)
  if (note !== null) notes.push(note)
  if (!facts.scheduler)
    notes.push("There is no scheduler configuration; Stable Diffusion 1.x's own schedule with ε-prediction is assumed.")
  const scheduler = deriveScheduler(facts.scheduler ?? ASSUMED_SCHEDULER, defaults, notes)
  const { latent, image } = deriveSizes(facts, parts, notes)
  checkWidths(parts)
  const tokenizer = deriveTokenizer(facts, parts.textEncoder)
  if (!parts.unet.weights.some(({ name }) => name.endsWith('attn2.to_k.weight'))) {
    notes.push(
      unet.model.weights.some(({ dtype, dims }) => (dtype === 'U8' || dtype === 'I8') && dims.length > 1)
        ? 'Its linear weights are stored in 4 or 8 bits: LoRA files and closed-form alignment cannot be applied to it, only to a float16 or float32 export.'
        : 'Its export dropped the names of linear weights: LoRA files and closed-form alignment cannot be applied. models/export/export.py keeps them.',
    )
  }
  const fallbacks = Object.fromEntries(
    Object.entries(facts.fallbacks).map(([part, graph]) => [part, component(part as PartName, graph)]),
  )
  const encoder = facts.graphs.vaeEncoder ? { vaeEncoder: component('vaeEncoder', facts.graphs.vaeEncoder) } : {}
  return { notes, model: { tokenizer, ...parts, ...encoder, fallbacks, latent, image, scheduler } }
}

type Parts = Record<'textEncoder' | 'unet' | 'vaeDecoder', OnnxComponent>

const input = (component: OnnxComponent, name: string) => component.inputs.find((port) => port.name === name)!
const fixed = (dim: string | number | undefined): number | null => (typeof dim === 'number' ? dim : null)

/** Sizes in latent cells and pixels; graphs that fix them decide, configurations follow. */
function deriveSizes(
  facts: RepositoryFacts,
  { unet, vaeDecoder }: Parts,
  notes: string[],
): Pick<DiffusionModel, 'latent' | 'image'> {
  const sample = input(unet, 'sample').dims
  const [decoderInput, decoderOutput] = [vaeDecoder.inputs[0]!, vaeDecoder.outputs[0]!]
  const channels = fixed(sample[1]) ?? fixed(decoderInput.dims[1]) ?? 4
  const decoded = fixed(decoderInput.dims[1])
  if (decoded !== null && decoded !== channels)
    throw unsuitable(
      vaeDecoder.onnx.path,
      `it decodes ${decoded} latent channels and the U-Net makes ${channels}`,
      'These are parts of different models.',
    )
  const configured = facts.unetConfig?.sample_size
  const [height, width] = Array.isArray(configured) ? configured : [configured ?? null, configured ?? null]
  const latentHeight = fixed(sample[2]) ?? fixed(decoderInput.dims[2]) ?? height ?? FALLBACK_LATENT
  const latentWidth = fixed(sample[3]) ?? fixed(decoderInput.dims[3]) ?? width ?? FALLBACK_LATENT
  if (fixed(sample[2]) === null && fixed(decoderInput.dims[2]) === null && height === null)
    notes.push(
      `Neither graph nor configuration says the picture's size; latents of ${FALLBACK_LATENT}×${FALLBACK_LATENT} are assumed.`,
    )
  const blocks = facts.vaeConfig?.block_out_channels?.length
  const scale = blocks === undefined ? 8 : 2 ** (blocks - 1)
  const tiny = facts.vaeConfig?._class_name === 'AutoencoderTiny'
  const scalingFactor = facts.vaeConfig?.scaling_factor ?? (tiny ? 1 : SD_SCALING_FACTOR)
  if (!facts.vaeConfig)
    notes.push(`There is no configuration of the VAE; its scaling factor ${SD_SCALING_FACTOR} is assumed.`)
  return {
    latent: {
      channels,
      height: latentHeight,
      width: latentWidth,
      scalingFactor,
      shiftFactor: facts.vaeConfig?.shift_factor ?? 0,
    },
    image: {
      height: fixed(decoderOutput.dims[2]) ?? latentHeight * scale,
      width: fixed(decoderOutput.dims[3]) ?? latentWidth * scale,
    },
  }
}

/** The text encoder's width must be the one the U-Net attends to. */
function checkWidths({ textEncoder, unet }: Parts): void {
  const made =
    textEncoder.outputs
      .map((port) => (port.dims.length === 3 ? fixed(port.dims[2]) : null))
      .find((width) => width !== null) ?? null
  const read = fixed(input(unet, 'encoder_hidden_states').dims[2])
  if (made !== null && read !== null && made !== read) {
    throw unsuitable(
      textEncoder.onnx.path,
      `its embeddings have width ${made} and the U-Net reads ${read}`,
      'These are parts of different models.',
    )
  }
}

/** Rows of the token embedding; null where the export renamed it. */
function embeddingRows({ model }: ReadGraph): number | null {
  return (
    model.weights.find(({ name, dims }) => /token_embedding|embed_tokens|wte/.test(name) && dims.length === 2)
      ?.dims[0] ?? null
  )
}

/** Rows that may follow the vocabulary: embeddings are padded to round numbers. */
const PADDING_ROWS = 128

function deriveTokenizer(facts: RepositoryFacts, textEncoder: OnnxComponent): RepositoryTokenizer {
  const { config, vocabulary, files } = facts.tokenizer
  const foreign = (why: string) =>
    new SpqrError(
      'SOURCE_UNSUITABLE',
      `The tokenizer of "${facts.id}" belongs to another model: ${why}.`,
      'Publish the model with the tokenizer it was trained with.',
    )
  const largest = Object.values(vocabulary).reduce((most, id) => Math.max(most, id), -1)
  const rows = embeddingRows(facts.graphs.textEncoder)
  if (rows !== null && (largest >= rows || largest < rows - PADDING_ROWS))
    throw foreign(`it has ${largest + 1} tokens and the text encoder ${rows}`)
  const stated = config.model_max_length
  const wanted = fixed(input(textEncoder, 'input_ids').dims[1])
  const length = stated !== undefined && stated >= 1 && stated <= 512 ? Math.floor(stated) : null
  if (wanted !== null && length !== null && wanted !== length)
    throw foreign(`it makes ${length} tokens of a prompt and the text encoder reads ${wanted}`)
  return { repository: true, files, maxLength: wanted ?? length ?? 77, padTokenId: padTokenId(config, vocabulary) }
}
