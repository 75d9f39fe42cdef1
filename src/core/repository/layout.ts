/** Which file of a repository is which part of the model, whatever the exporter called it. */
import { SpqrError, type RepositoryFile } from '../contracts'
import { holdsNoGraphs } from '../sources'

export type PartName = 'textEncoder' | 'unet' | 'vaeDecoder' | 'vaeEncoder'

/** What people and errors call a part. */
export const PART_TITLES: Record<PartName, string> = {
  textEncoder: 'text encoder',
  unet: 'U-Net',
  vaeDecoder: 'VAE decoder',
  vaeEncoder: 'VAE encoder',
}

/** Names of a part as a folder (`unet/model.onnx`) or in a file's own name (`onnx/unet_fp16.onnx`). */
const PATTERNS: Record<PartName, RegExp> = {
  textEncoder: /(^|\/)(text_?encoder|text_model|clip_text)(?!_?2)[^/]*(\/[^/]+)?\.onnx$/i,
  unet: /(^|\/)(unet|denoiser)[^/]*(\/[^/]+)?\.onnx$/i,
  vaeDecoder: /(^|\/)(vae_?decoder|vae_dec|decoder)[^/]*(\/[^/]+)?\.onnx$/i,
  vaeEncoder: /(^|\/)(vae_?encoder|vae_enc)[^/]*(\/[^/]+)?\.onnx$/i,
}

/** One graph of a part; `variant` is what its name says of its precision, '' for nothing. */
export interface GraphFile {
  file: RepositoryFile
  variant: string
}
export type GraphFiles = Record<PartName, GraphFile[]>

/** `unet/model_fp16.onnx` → `fp16`; `text_encoder.onnx` → ``. */
export function variantOf(path: string): string {
  const name = path
    .split('/')
    .pop()!
    .replace(/\.onnx$/i, '')
  return name
    .replace(/text_?encoder|text_model|clip_text|unet|denoiser|vae_?(de|en)coder|vae_(dec|enc)|decoder|model/gi, '')
    .replace(/^[_.-]+|[_.-]+$/g, '')
    .replace(/[_.-]{2,}/g, '_')
}

const REQUIRED = ['textEncoder', 'unet', 'vaeDecoder'] as const

/**
 * The graphs of every part. Throws SOURCE_UNSUITABLE with what is missing: no graphs at all, PyTorch weights only, a part
 * that lacks, or an architecture of another family.
 */
export function findGraphs(id: string, files: readonly RepositoryFile[]): GraphFiles {
  const bad = (why: string, hint: string) => new SpqrError('SOURCE_UNSUITABLE', `"${id}" cannot be used: ${why}.`, hint)
  if (files.some(({ path }) => /(^|\/)text_?encoder_[23]/i.test(path))) {
    throw bad(
      'it has a second text encoder, as Stable Diffusion XL and 3 do, and only one is supported',
      'Choose a model of the Stable Diffusion 1.x or 2.x family.',
    )
  }
  if (files.some(({ path }) => /(^|\/)transformer\//i.test(path))) {
    throw bad(
      'it denoises with a transformer in the place of a U-Net',
      'Choose a model of the Stable Diffusion 1.x or 2.x family.',
    )
  }
  if (holdsNoGraphs(files.map((file) => ({ ...file, gitSha1: null })))) {
    throw bad(
      'it holds PyTorch weights only, and a browser runs ONNX graphs',
      'Convert it with models/export/export.py, or choose a repository with .onnx files.',
    )
  }
  const graphs = Object.fromEntries(
    Object.entries(PATTERNS).map(([part, pattern]) => [
      part,
      files.filter(({ path }) => pattern.test(path)).map((file) => ({ file, variant: variantOf(file.path) })),
    ]),
  ) as GraphFiles
  const missing = REQUIRED.find((part) => graphs[part].length === 0)
  if (missing === undefined) return graphs
  const found = files.filter(({ path }) => /\.onnx$/i.test(path)).map(({ path }) => path)
  throw bad(
    `it has no graph of the ${PART_TITLES[missing]}`,
    found.length > 0
      ? `Its graphs are ${found.slice(0, 6).join(', ')}; name them text_encoder/model.onnx, unet/model.onnx and vae_decoder/model.onnx.`
      : 'Give the address of the folder that holds text_encoder/, unet/ and vae_decoder/.',
  )
}

/** Names of precisions that a person may ask for, by what file names say. */
export function variantsOf(graphs: GraphFiles): string[] {
  return [...new Set(graphs.unet.map(({ variant }) => variant))].sort()
}

/**
 * The file of a part in the wanted variant; without such a file the plain one, then the only or first one.
 * `wanted` null takes the plain one where there is one.
 */
export function chooseGraph(files: readonly GraphFile[], wanted: string | null): GraphFile {
  const named = (variant: string) => files.find((file) => file.variant === variant)
  return (wanted === null ? undefined : named(wanted)) ?? named('') ?? files[0]!
}
