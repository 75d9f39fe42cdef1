/** Benign fine-tuning in the browser: how it is specified, and what it leaves of its losses. */
import * as v from 'valibot'
import { count, hash, label, seed } from './fields'
import { PROFILES, SCENARIOS } from './manifest'
import { MitigationSchema } from './mitigation'

const share = v.pipe(v.number(), v.minValue(0), v.maxValue(0.999999))
const OptimiserSchema = v.strictObject({
  beta1: share,
  beta2: share,
  epsilon: v.pipe(v.number(), v.minValue(1e-12), v.maxValue(1)),
  weightDecay: v.pipe(v.number(), v.minValue(0), v.maxValue(10)),
  clipNorm: v.pipe(v.number(), v.minValue(1e-6), v.maxValue(1e6)),
})
/** 500 of the user's choice, step 0 and the last. */
const MAX_CHECKPOINTS = 502
/** Losses of that many pictures at each checkpoint still fit a link. */
export const MAX_HELD_OUT = 1000
/** Percent: beyond half, the harmless data would be the exception. */
export const MAX_CONTAMINATION = 50
/** Benign fine-tuning run in the browser; optimiser settings default to the benchmark's. */
export const LiveFineTuneSchema = v.strictObject({
  kind: v.literal('live'),
  profile: v.picklist(PROFILES),
  scenario: v.picklist(SCENARIOS),
  steps: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100_000)),
  batchSize: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256)),
  learningRate: v.number(),
  /** AdamW's other constants; absent: those of the pack, which are the benchmark's. */
  optimiser: v.optional(OptimiserSchema),
  seed,
  checkpoints: v.pipe(v.array(count), v.maxLength(MAX_CHECKPOINTS)),
  dataset: label,
  datasetSha256: hash,
  /** Pictures of the data that are not trained on, so that what was learned can be measured; absent: none. */
  heldOut: v.optional(v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(MAX_HELD_OUT))),
  /**
   * Percent of the training pictures that are replaced by drawings which the safety judges flag: outside the benign threat
   * model. Absent: none.
   */
  contamination: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(MAX_CONTAMINATION))),
  /** Absent: plain fine-tuning. */
  mitigation: v.optional(MitigationSchema),
  /** `base`: the base model was trained, and the alignment merged with what it learned. Absent: the aligned one was. */
  beneath: v.optional(v.literal('base')),
})
export type LiveFineTune = v.InferOutput<typeof LiveFineTuneSchema>

/** Loss of the model on each held-out picture after `step` steps, in the order of the pictures. */
const HeldOutLossesSchema = v.strictObject({
  step: count,
  losses: v.pipe(v.array(v.number()), v.maxLength(MAX_HELD_OUT)),
})
export type HeldOutLosses = v.InferOutput<typeof HeldOutLossesSchema>
/** Loss of a live fine-tune, one entry per step. */
export const TrainingTraceSchema = v.strictObject({
  losses: v.array(v.number()),
  adapterSha256: v.nullable(hash),
  /** At each checkpoint, 0 among them; absent where no picture is held out. */
  heldOut: v.optional(v.pipe(v.array(HeldOutLossesSchema), v.maxLength(MAX_CHECKPOINTS))),
})
export type TrainingTrace = v.InferOutput<typeof TrainingTraceSchema>
