/** How much a fine-tune has learned: the loss on pictures that it never saw, at fixed noise, with a checkpoint's weights. */
import * as v from 'valibot'
import type { AlignmentSpec, DiffusionModel, HeldOutLosses, LiveFineTune } from '../../core/contracts'
import { HELD_OUT_SIGMAS, heldOutNoise, heldOutPictures } from '../../core/training'
import { hashOf } from '../../core/hash'
import { throwIfAborted } from '../events'
import { Models } from '../generator/models'
import type { EncodedData } from './batch'
import { checkpointKey } from './checkpoint'
import type { TrainingData } from './dataset'
import type { Opened } from './session'

/** Rows that are predicted together. */
const BATCH = 8

/** Captions that are trained on, and one of each held-out picture. */
export function splitCaptions(
  { count, captions }: Pick<TrainingData, 'count' | 'captions'>,
  { heldOut }: LiveFineTune,
): { trained: TrainingData['captions']; heldOut: TrainingData['captions'] } {
  if (heldOut === undefined) return { trained: captions, heldOut: [] }
  const pictures = new Set(heldOutPictures(count, heldOut))
  return {
    trained: captions.filter(({ image }) => !pictures.has(image)),
    heldOut: [...pictures].flatMap((image) => captions.find((one) => one.image === image) ?? []),
  }
}

interface Measured {
  run: string
  alignment: AlignmentSpec | null
  /** Held-out pictures. */
  captions: TrainingData['captions']
  latents: EncodedData['latents']
}

/** Losses at step 0 and at `step`, whose adapter is `bytes`; those that were measured before are read. */
export async function heldOutLosses(
  opened: Opened,
  measured: Measured,
  step: number,
  bytes: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<HeldOutLosses[]> {
  const all: HeldOutLosses[] = []
  for (const at of step === 0 ? [0] : [0, step]) {
    // Of a fine-tune beneath the alignment, one training serves several alignments.
    const name = `${checkpointKey(measured.run, at)}:held-out:${hashOf(measured.alignment).slice(0, 16)}`
    const stored = v.safeParse(
      v.pipe(v.array(v.pipe(v.number(), v.finite())), v.length(measured.captions.length)),
      await opened.checkpoints.get(name).catch(() => undefined),
    )
    const losses = stored.success ? stored.output : await lossesAt(opened, measured, at, bytes, signal)
    // Without room for it the loss is measured again.
    if (!stored.success) await opened.checkpoints.set(name, losses).catch(() => undefined)
    all.push({ step: at, losses })
  }
  return all
}

async function lossesAt(
  opened: Opened,
  { run, alignment, captions, latents }: Measured,
  step: number,
  bytes: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<number[]> {
  const { manifest } = opened.pack
  const key = checkpointKey(run, step)
  const models = new Models({ ...opened, manifest, onEvent: opened.onEvent })
  if (step > 0) opened.shelf.holdCheckpoint(key, bytes)
  try {
    await models.prepare(
      { stage: 'fine-tuned', step, alignment, fineTune: step === 0 ? { kind: 'none' } : { kind: 'checkpoint', key } },
      signal,
    )
    return await pictureLosses(models, captions, latents, manifest.model, signal)
  } finally {
    opened.shelf.dropCheckpoint(key)
    await models.release()
  }
}

/** Mean over levels and numbers of (v − (noise − latents))², for each picture. */
async function pictureLosses(
  models: Models,
  captions: TrainingData['captions'],
  latents: Float32Array,
  { latent: { channels, height, width }, scheduler: { numTrainTimesteps } }: DiffusionModel,
  signal: AbortSignal,
): Promise<number[]> {
  const size = channels * height * width
  const sums = new Array<number>(captions.length).fill(0)
  for (const [level, sigma] of HELD_OUT_SIGMAS.entries()) {
    for (let start = 0; start < captions.length; start += BATCH) {
      throwIfAborted(signal)
      const part = captions.slice(start, start + BATCH)
      const noise = part.map(({ image }) => heldOutNoise(image, level, size))
      const samples = new Float32Array(part.length * size)
      part.forEach(({ image }, n) => {
        for (let i = 0; i < size; i++)
          samples[n * size + i] = (1 - sigma) * latents[image * size + i]! + sigma * noise[n]![i]!
      })
      const predicted = await models.pipeline.predict(
        part.map(({ text }) => text),
        samples,
        sigma * numTrainTimesteps,
      )
      part.forEach(({ image }, n) => {
        let sum = 0
        for (let i = 0; i < size; i++)
          sum += (predicted[n * size + i]! - (noise[n]![i]! - latents[image * size + i]!)) ** 2
        sums[start + n]! += sum / size
      })
    }
  }
  return sums.map((sum) => sum / HELD_OUT_SIGMAS.length)
}
