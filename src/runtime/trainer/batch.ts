/** The pictures of a training step: those of its plan, as the step's graph takes them. */
import type { LiveFineTune } from '../../core/contracts'
import { planBatch } from '../../core/training'
import type { TrainingData } from './dataset'
import type { TrainingBatch } from './step'

/** Encoded training data. */
export interface EncodedData {
  /** [pictures, size] */
  latents: Float32Array
  captions: TrainingData['captions']
  /** Embedding of every caption. */
  contexts: ReadonlyMap<string, Float32Array>
  empty: Float32Array
}

/** A batch with the picture and caption of each row; the caption is empty where it was dropped. */
export interface PlannedBatch extends TrainingBatch {
  images: number[]
  texts: string[]
}

/** The batch of step `step` (from 0); depends on nothing but its arguments. */
export function plannedBatch(
  { latents, captions, contexts, empty }: EncodedData,
  { seed, batchSize }: Pick<LiveFineTune, 'seed' | 'batchSize'>,
  step: number,
  size: number,
  captionDropout: number,
): PlannedBatch {
  const plan = planBatch(seed, step, captions.length, batchSize, size, captionDropout)
  const batch: PlannedBatch = {
    images: plan.captions.map((row) => captions[row]!.image),
    texts: plan.captions.map((row, i) => (plan.dropped[i] ? '' : captions[row]!.text)),
    count: batchSize,
    latents: new Float32Array(batchSize * size),
    noise: plan.noise,
    sigma: plan.sigma,
    context: new Float32Array(batchSize * empty.length),
  }
  plan.captions.forEach((row, i) => {
    const { image, text } = captions[row]!
    batch.latents.set(latents.subarray(image * size, (image + 1) * size), i * size)
    batch.context.set(plan.dropped[i] ? empty : contexts.get(text)!, i * empty.length)
  })
  return batch
}
