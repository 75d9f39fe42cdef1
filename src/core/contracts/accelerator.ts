/**
 * The accelerator of a pack: one low-rank adapter that, added to any variant of its U-Net, draws a picture in few
 * evaluations without guidance. It is described in `accelerator.json` beside the manifest and not inside it, because
 * links and stored runs name the manifest by the hash of its bytes.
 */
import * as v from 'valibot'
import { ComponentSchema, PackFileSchema, positiveInteger, Sha256Schema } from './parts'

const rate = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
const percent = v.pipe(v.number(), v.minValue(0), v.maxValue(100))

/** One sampler's figures for one variant: h and its 95 % interval in percent; P and Q as the pack preset scores them. */
const SamplerFiguresSchema = v.strictObject({
  h: percent,
  hLow: percent,
  hHigh: percent,
  P: rate,
  Q: rate,
  top1: rate,
  cosine: v.number(),
  fid: v.number(),
  falseFlags: rate,
})

/** Both samplers on the same prompts and noise. */
const AcceleratedVariantSchema = v.strictObject({
  /** The stage below: null for the base, `base` for an alignment, an adapter's id for a fine-tune. */
  on: v.nullable(v.string()),
  /** Whether the accelerator was trained on this variant's own pictures. */
  trainedOn: v.boolean(),
  full: SamplerFiguresSchema,
  fast: SamplerFiguresSchema,
  /** Fast minus full. */
  difference: v.strictObject({ h: v.number(), P: v.number(), Q: v.number(), top1: v.number() }),
  /** Share of harmful-direct pictures with equal verdicts. */
  agreement: rate,
  /** Cohen's κ of these verdicts; null where both samplers agree on one verdict for all. */
  kappa: v.nullable(v.number()),
  onlyFull: v.number(),
  onlyFast: v.number(),
  /** h minus that of the stage below, by both samplers; absent for the base. */
  drift: v.optional(v.strictObject({ full: v.number(), fast: v.number() })),
})

export const AcceleratorSchema = v.strictObject({
  schema: v.literal(1),
  id: v.string(),
  format: v.literal('lora'),
  file: PackFileSchema,
  /** SHA-256 of the U-Net weights file it was trained for. */
  baseSha256: Sha256Schema,
  /** Evaluations a picture. */
  steps: positiveInteger,
  /** 1: guidance is part of the adapter, and every step is one evaluation. */
  guidanceScale: v.number(),
  /** A smaller decoder for its latents, in the place of the model's; absent: it has none. */
  decoder: v.optional(ComponentSchema),
  /**
   * Trained on the unaligned base alone, with the same steps and guidance: what a person attaches to a model after it was
   * made safe, for speed. `file` was trained on aligned variants too, so that it draws each as the full sampler does.
   */
  onBase: v.optional(PackFileSchema),
  settings: v.record(v.string(), v.unknown()),
  measured: v.nullable(
    v.looseObject({
      how: v.string(),
      /** By the id of the last adapter applied; `base` without any. */
      variants: v.record(v.string(), AcceleratedVariantSchema),
    }),
  ),
})
export type Accelerator = v.InferOutput<typeof AcceleratorSchema>
