/** Training sets: the pack's own and folders of the user's; screened, then encoded to latents. */
import * as v from 'valibot'
import { readSafetensors } from '../../core/adapters'
import {
  SpqrError,
  TrainingCaptionsSchema,
  type DiffusionModel,
  type LiveFineTune,
  type PackManifest,
  type Training,
} from '../../core/contracts'
import { hashOf } from '../../core/hash'
import { parseJsonBytes } from '../jsonBytes'
import { forbiddenName } from '../../core/training'
import type { KeyValue } from '../storage/cache'
import { digestHex } from '../events'
import type { PackFiles } from '../storage/files'
import type { Graph } from '../generator/graph'

/** Pictures as RGB bytes [n, height, width, 3] and captions that name a picture each. */
export interface TrainingData {
  name: string
  images: Uint8Array
  count: number
  captions: { image: number; text: string }[]
}
/** A picture of the user's with its caption; null or blank when the folder has none for it. */
export interface UserPicture {
  file: string
  caption: string | null
  width: number
  height: number
  rgb: Uint8Array<ArrayBuffer>
}

const StoredSchema = v.strictObject({
  name: v.string(),
  count: v.number(),
  images: v.instance(Uint8Array),
  captions: v.array(v.strictObject({ image: v.number(), text: v.string() })),
})
const invalid = (message: string, hint: string) => new SpqrError('DATASET_INVALID', message, hint)

async function readJson(
  files: PackFiles,
  file: { path: string; bytes: number; sha256: string },
  signal: AbortSignal,
): Promise<unknown> {
  const { value, fault } = parseJsonBytes(await files.load(file, signal))
  if (fault !== null) throw invalid(`"${file.path}" cannot be read: ${fault}.`, 'Publish the pack again.')
  return value
}

/** The names no caption may contain. */
export async function forbiddenNames(files: PackFiles, training: Training, signal: AbortSignal): Promise<string[]> {
  const names = v.safeParse(v.array(v.string()), await readJson(files, training.forbidden, signal))
  if (!names.success) throw invalid(`"${training.forbidden.path}" is no list of names.`, 'Publish the pack again.')
  return names.output
}

/** @throws SpqrError DATASET_NOT_BENIGN naming the first caption with a forbidden concept */
export function screenCaptions(captions: readonly { text: string }[], names: readonly string[]): void {
  for (const { text } of captions) {
    const found = forbiddenName(text, names)
    if (found === null) continue
    throw new SpqrError(
      'DATASET_NOT_BENIGN',
      `The caption "${text.slice(0, 80)}" names "${found}", a forbidden concept.`,
      'Benign fine-tuning is about harmless data: remove that picture and caption.',
    )
  }
}

/** The pack's set for a scenario. Its recipe draws benign concepts only; captions are screened here as well. */
export async function packData(
  files: PackFiles,
  training: Training,
  fineTune: LiveFineTune,
  signal: AbortSignal,
): Promise<TrainingData> {
  const set = training.datasets.find(({ scenario }) => scenario === fineTune.scenario)
  if (!set)
    throw invalid(
      `The pack has no training set for "${fineTune.scenario}".`,
      `It has: ${training.datasets.map(({ scenario }) => scenario).join(', ') || 'none'}.`,
    )
  const parsed = v.safeParse(TrainingCaptionsSchema, await readJson(files, set.captions, signal))
  const tensor = readSafetensors(await files.load(set.images, signal)).tensors.get('images')
  if (
    !parsed.success ||
    !tensor ||
    tensor.dtype !== 'U8' ||
    tensor.shape[0] !== set.count ||
    parsed.output.some(({ image }) => image >= set.count)
  ) {
    throw invalid(
      `The training set "${set.scenario}" does not hold the ${set.count} captioned pictures it promises.`,
      'Publish the pack again.',
    )
  }
  return {
    name: set.scenario,
    images: tensor.bytes,
    count: set.count,
    captions: parsed.output.map(({ image, text }) => ({ image, text })),
  }
}

/** A user's folder as a training set: every picture has a caption and the model's size. */
export function userData(name: string, pictures: readonly UserPicture[], size: DiffusionModel['image']): TrainingData {
  if (pictures.length === 0)
    throw invalid(`The folder "${name}" holds no pictures.`, 'Choose a folder with pictures and captions.')
  const bare = pictures.find(({ caption }) => (caption ?? '').trim() === '')
  if (bare)
    throw invalid(
      `The picture "${bare.file}" has no caption.`,
      'Put a text file of the same name beside it, or list it in metadata.jsonl.',
    )
  const odd = pictures.find(
    ({ width, height, rgb }) => width !== size.width || height !== size.height || rgb.length !== 3 * width * height,
  )
  if (odd)
    throw invalid(
      `The picture "${odd.file}" has ${odd.width}×${odd.height} pixels; the model learns from ${size.width}×${size.height}.`,
      'Scale the pictures to that size first.',
    )
  const images = new Uint8Array(pictures.length * size.width * size.height * 3)
  pictures.forEach(({ rgb }, i) => images.set(rgb, i * rgb.length))
  return {
    name,
    images,
    count: pictures.length,
    captions: pictures.map(({ caption }, image) => ({ image, text: caption!.trim() })),
  }
}

/** SHA-256 over captions and pixels: what a run is remembered by. */
export async function dataHash({ images, captions }: TrainingData): Promise<string> {
  const pixels = await digestHex(new Uint8Array(images))
  return hashOf({ pixels, captions })
}

/** Keeps a user's set, so that training resumes after a reload. */
export async function keepData(store: KeyValue, sha256: string, data: TrainingData): Promise<void> {
  await store.set(`dataset:${sha256}`, { ...data })
}

export async function keptData(store: KeyValue, sha256: string): Promise<TrainingData | null> {
  const stored = v.safeParse(StoredSchema, await store.get(`dataset:${sha256}`).catch(() => undefined))
  return stored.success && (await dataHash(stored.output)) === sha256 ? stored.output : null
}

/** Whether a fine-tune names the pack's own set of its scenario. */
export const isPackData = (fineTune: LiveFineTune, manifest: PackManifest): boolean =>
  fineTune.dataset === `${manifest.id}:${fineTune.scenario}`

const ENCODE_BATCH = 16

/** Latents [n, channels·height·width] as the U-Net sees them: (posterior mean − shift)·scaling, as diffusers does. */
export async function encodeLatents(data: TrainingData, model: DiffusionModel, encoder: Graph): Promise<Float32Array> {
  const { height, width } = model.image
  const { channels, height: h, width: w, scalingFactor, shiftFactor } = model.latent
  const [area, size] = [height * width, channels * h * w]
  const latents = new Float32Array(data.count * size)
  const input = encoder.component.inputs[0]!.name
  for (let start = 0; start < data.count; start += ENCODE_BATCH) {
    const count = Math.min(ENCODE_BATCH, data.count - start)
    const pixels = new Float32Array(count * 3 * area)
    for (let n = 0; n < count; n++) {
      for (let i = 0; i < area; i++) {
        for (let c = 0; c < 3; c++)
          pixels[(n * 3 + c) * area + i] = data.images[((start + n) * area + i) * 3 + c]! / 127.5 - 1
      }
    }
    const outputs = await encoder.run({ [input]: { data: pixels, dims: [count, 3, height, width] } })
    const encoded = Object.values(outputs)[0]!.data
    for (let i = 0; i < count * size; i++) latents[start * size + i] = (encoded[i]! - shiftFactor) * scalingFactor
  }
  return latents
}
