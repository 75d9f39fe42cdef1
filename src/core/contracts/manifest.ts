/**
 * The manifest of a model pack: every file with bytes and SHA-256, every graph with its tensors,
 * every judge with its preprocessing. Anything a pack says is checked against this schema first;
 * unknown fields are refused, because a field nobody reads is a promise nobody keeps.
 */
import * as v from 'valibot'

const positiveInteger = v.pipe(v.number(), v.integer(), v.minValue(1))
const nonNegativeInteger = v.pipe(v.number(), v.integer(), v.minValue(0))
const sha256Hex = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'))
/** Relative path without `..`, scheme or leading slash, so that a manifest cannot point elsewhere. */
const relativePath = v.pipe(
  v.string(),
  v.regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[\w./@+-]+$/, 'must be a relative path inside the pack'),
)

export const PackFileSchema = v.strictObject({
  path: relativePath,
  bytes: nonNegativeInteger,
  sha256: sha256Hex,
})
export type PackFile = v.InferOutput<typeof PackFileSchema>

/** A weight inside the ONNX external-data file: float32, `offset` and `length` in bytes. */
export const ExternalTensorSchema = v.strictObject({
  name: v.string(),
  dims: v.array(nonNegativeInteger),
  offset: nonNegativeInteger,
  length: nonNegativeInteger,
})
export type ExternalTensor = v.InferOutput<typeof ExternalTensorSchema>

export const GraphPortSchema = v.strictObject({
  name: v.string(),
  dtype: v.picklist(['float32', 'float16', 'int64', 'int32']),
  /** A string is a free dimension such as `batch`. */
  dims: v.array(v.union([v.string(), positiveInteger])),
})
export type GraphPort = v.InferOutput<typeof GraphPortSchema>

/** One ONNX graph whose weights lie beside it as float16 or float32 safetensors. */
export const ComponentSchema = v.strictObject({
  graph: PackFileSchema,
  weights: PackFileSchema,
  externalData: v.strictObject({
    path: relativePath,
    bytes: nonNegativeInteger,
    tensors: v.array(ExternalTensorSchema),
  }),
  inputs: v.array(GraphPortSchema),
  outputs: v.array(GraphPortSchema),
})
export type Component = v.InferOutput<typeof ComponentSchema>

export const SCHEDULER_TYPES = [
  'FlowMatchEulerDiscreteScheduler',
  'DDIMScheduler',
  'EulerDiscreteScheduler',
  'EulerAncestralDiscreteScheduler',
  'DPMSolverMultistepScheduler',
  'LCMScheduler',
  'PNDMScheduler',
] as const
export type SchedulerType = (typeof SCHEDULER_TYPES)[number]

/** Scheduler configuration in diffusers' terms; the beta fields are absent for flow matching. */
export const SchedulerConfigSchema = v.strictObject({
  type: v.picklist(SCHEDULER_TYPES),
  predictionType: v.picklist(['epsilon', 'v_prediction', 'sample', 'flow']),
  numTrainTimesteps: positiveInteger,
  shift: v.optional(v.number()),
  betaStart: v.optional(v.number()),
  betaEnd: v.optional(v.number()),
  betaSchedule: v.optional(v.picklist(['linear', 'scaled_linear', 'squaredcos_cap_v2'])),
  timestepSpacing: v.optional(v.picklist(['leading', 'linspace', 'trailing'])),
  stepsOffset: v.optional(nonNegativeInteger),
  setAlphaToOne: v.optional(v.boolean()),
  clipSample: v.optional(v.boolean()),
  originalInferenceSteps: v.optional(positiveInteger),
  /** Defaults for sampling; a RunSpec may choose others. */
  numInferenceSteps: positiveInteger,
  guidanceScale: v.number(),
})
export type SchedulerConfig = v.InferOutput<typeof SchedulerConfigSchema>

export const TokenizerSchema = v.strictObject({
  path: relativePath,
  files: v.array(PackFileSchema),
  maxLength: positiveInteger,
  padTokenId: nonNegativeInteger,
})

export const DiffusionModelSchema = v.strictObject({
  tokenizer: TokenizerSchema,
  textEncoder: ComponentSchema,
  unet: ComponentSchema,
  vaeDecoder: ComponentSchema,
  vaeEncoder: v.optional(ComponentSchema),
  latent: v.strictObject({
    channels: positiveInteger,
    height: positiveInteger,
    width: positiveInteger,
    scalingFactor: v.number(),
    shiftFactor: v.number(),
  }),
  image: v.strictObject({ height: positiveInteger, width: positiveInteger }),
  scheduler: SchedulerConfigSchema,
})
export type DiffusionModel = v.InferOutput<typeof DiffusionModelSchema>

/** Preprocessing is a named mode and part of the metric: RGB 0–255 → /255 → (x − mean) / std. */
export const PreprocessingSchema = v.strictObject({
  mode: v.picklist(['rgb-unit']),
  mean: v.tuple([v.number(), v.number(), v.number()]),
  std: v.tuple([v.number(), v.number(), v.number()]),
  height: positiveInteger,
  width: positiveInteger,
})
export type Preprocessing = v.InferOutput<typeof PreprocessingSchema>

const judgeCommon = {
  id: v.string(),
  title: v.string(),
  licence: v.string(),
  source: v.string(),
  preprocessing: PreprocessingSchema,
}
export const SafetyJudgeSchema = v.strictObject({
  ...judgeCommon,
  axis: v.literal('S'),
  kind: v.literal('safety-multilabel'),
  model: ComponentSchema,
  /** One sigmoid score per label; the image is unsafe when any score ≥ threshold. */
  labels: v.array(v.string()),
  threshold: v.number(),
  /** Below the threshold of this output the picture is no legible drawing: low confidence. */
  legibility: v.nullable(v.strictObject({ output: v.string(), threshold: v.number() })),
})
export const ClipJudgeSchema = v.strictObject({
  ...judgeCommon,
  axis: v.literal('P'),
  kind: v.literal('clip'),
  image: ComponentSchema,
  text: ComponentSchema,
  ceiling: v.strictObject({ value: v.number(), n: positiveInteger, how: v.string() }),
})
export const FeatureJudgeSchema = v.strictObject({
  ...judgeCommon,
  axis: v.literal('Q'),
  kind: v.literal('features'),
  model: ComponentSchema,
  dimension: positiveInteger,
  /** safetensors with `features` [n, dimension] of held-out real pictures. */
  reference: PackFileSchema,
  /** Frozen FID bounds by sample size: small-sample FID is biased, so the bounds are too. */
  bounds: v.array(
    v.strictObject({ n: positiveInteger, min: v.number(), max: v.number(), how: v.string() }),
  ),
})
export const JudgeSchema = v.variant('kind', [SafetyJudgeSchema, ClipJudgeSchema, FeatureJudgeSchema])
export type Judge = v.InferOutput<typeof JudgeSchema>
export type SafetyJudge = v.InferOutput<typeof SafetyJudgeSchema>
export type ClipJudge = v.InferOutput<typeof ClipJudgeSchema>
export type FeatureJudge = v.InferOutput<typeof FeatureJudgeSchema>

export const PROFILES = ['lite', 'moderate', 'standard'] as const
export const SCENARIOS = ['general', 'multilingual', 'domain'] as const
export type Profile = (typeof PROFILES)[number]
export type Scenario = (typeof SCENARIOS)[number]

export const PackAdapterSchema = v.strictObject({
  id: v.string(),
  role: v.picklist(['alignment', 'fine-tune']),
  method: v.string(),
  profile: v.nullable(v.picklist(PROFILES)),
  scenario: v.nullable(v.picklist(SCENARIOS)),
  /** The alignment adapter a fine-tune was trained on; null for an alignment. */
  on: v.nullable(v.string()),
  format: v.picklist(['lora', 'delta', 'delta-int8']),
  file: PackFileSchema,
  settings: v.record(v.string(), v.unknown()),
})
export type PackAdapter = v.InferOutput<typeof PackAdapterSchema>

export const PackPromptsSchema = v.strictObject({
  suite: v.string(),
  harmful: v.boolean(),
  languages: v.array(v.string()),
  count: positiveInteger,
  file: PackFileSchema,
})

/** One fine-tuning profile as an exported training step: weights-free, frozen weights are the U-Net's external data. */
export const TrainingProfileSchema = v.strictObject({
  profile: v.picklist(PROFILES),
  graph: PackFileSchema,
  /** Elements of the flat vector of trainable parameters. */
  length: positiveInteger,
  /** Present when the parameters are LoRA factors; else they are whole weights. */
  lora: v.nullable(v.strictObject({ rank: positiveInteger, alpha: v.number() })),
  /** `offset` in elements of the flat vector. */
  parameters: v.array(v.strictObject({ name: v.string(), dims: v.array(positiveInteger), offset: nonNegativeInteger })),
  inputs: v.array(GraphPortSchema),
  outputs: v.array(GraphPortSchema),
})
export type TrainingProfile = v.InferOutput<typeof TrainingProfileSchema>

/** A benign training set: safetensors `images` U8 [n, height, width, 3] and JSON captions. */
export const TrainingSetSchema = v.strictObject({
  scenario: v.picklist(SCENARIOS),
  languages: v.array(v.string()),
  count: positiveInteger,
  captions: PackFileSchema,
  images: PackFileSchema,
})
export type TrainingSet = v.InferOutput<typeof TrainingSetSchema>
export const TrainingCaptionsSchema = v.array(
  v.strictObject({ image: nonNegativeInteger, language: v.string(), text: v.pipe(v.string(), v.maxLength(2000)) }),
)

export const TrainingSchema = v.strictObject({
  /** Pictures of one step; smaller batches are padded with pictures of weight 0. */
  batchSize: positiveInteger,
  /** Share of captions replaced by the empty prompt. */
  captionDropout: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  optimiser: v.strictObject({ beta1: v.number(), beta2: v.number(), epsilon: v.number(), weightDecay: v.number(), clipNorm: v.number() }),
  profiles: v.array(TrainingProfileSchema),
  datasets: v.array(TrainingSetSchema),
  /** JSON list of names that no caption may contain, NFKC and lower case. */
  forbidden: PackFileSchema,
})
export type Training = v.InferOutput<typeof TrainingSchema>

export const PackManifestSchema = v.strictObject({
  schema: v.literal(1),
  id: v.string(),
  version: v.string(),
  title: v.string(),
  licence: v.string(),
  attribution: v.array(
    v.strictObject({ name: v.string(), author: v.string(), licence: v.string(), url: v.string() }),
  ),
  model: DiffusionModelSchema,
  judges: v.array(JudgeSchema),
  adapters: v.array(PackAdapterSchema),
  prompts: v.array(PackPromptsSchema),
  measured: v.nullable(PackFileSchema),
  /** What fine-tuning in the browser needs; absent when the pack cannot be trained. */
  training: v.optional(TrainingSchema),
})
export type PackManifest = v.InferOutput<typeof PackManifestSchema>

/** One evaluation prompt of a suite file. */
export const PromptSchema = v.strictObject({
  id: v.string(),
  text: v.pipe(v.string(), v.maxLength(2000)),
  language: v.string(),
  suite: v.string(),
  category: v.string(),
  concept: v.nullable(v.string()),
})
export const PromptFileSchema = v.array(PromptSchema)
export type Prompt = v.InferOutput<typeof PromptSchema>
