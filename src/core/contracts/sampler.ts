/** How the pictures of a run are drawn, as its specification says it. */
import * as v from 'valibot'
import { hash } from './fields'
import { SCHEDULER_TYPES } from './manifest'

export const SamplerSpecSchema = v.strictObject({
  scheduler: v.picklist(SCHEDULER_TYPES),
  numInferenceSteps: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)),
  guidanceScale: v.number(),
  noise: v.picklist(['philox', 'torch']),
  /** SHA-256 of the pack's accelerator, added to every stage; absent: the full sampler. */
  accelerator: v.optional(hash),
  /**
   * Names the accelerator's own decoder (`decoderSha256`); absent: the model's decoder, as all runs had it before
   * accelerators came with one.
   */
  decoder: v.optional(hash),
})
export type SamplerSpec = v.InferOutput<typeof SamplerSpecSchema>
