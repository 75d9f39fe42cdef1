/**
 * The manifest of a model pack: every file with bytes and SHA-256, every graph with its tensors,
 * every judge with its preprocessing. Anything a pack says is checked against this schema first;
 * unknown fields are refused, because a field nobody reads is a promise nobody keeps.
 */
import * as v from 'valibot'
import { GUARD_FORMATS } from '../methods'
import { JudgeSchema } from './judges'
import {
  ComponentSchema,
  GraphPortSchema,
  PackFileSchema,
  TokenizerSchema,
  nonNegativeInteger,
  positiveInteger,
  type Component,
  type TokenizerFiles,
} from './parts'
import {
  OnnxComponentSchema,
  RepositoryTokenizerSchema,
  type OnnxComponent,
  type RepositoryTokenizer,
} from './repository'

export * from './judges'
export * from './parts'
export * from './repository'

/** No published model was trained on more levels of noise; each is a number that every sampler looks at. */
export const MAX_TRAIN_TIMESTEPS = 100_000

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
  numTrainTimesteps: v.pipe(positiveInteger, v.maxValue(MAX_TRAIN_TIMESTEPS)),
  /** Shift of a flow's σ; must not be 0. */
  shift: v.optional(v.pipe(v.number(), v.gtValue(0))),
  betaStart: v.optional(v.number()),
  betaEnd: v.optional(v.number()),
  betaSchedule: v.optional(v.picklist(['linear', 'scaled_linear', 'squaredcos_cap_v2'])),
  timestepSpacing: v.optional(v.picklist(['leading', 'linspace', 'trailing'])),
  stepsOffset: v.optional(nonNegativeInteger),
  setAlphaToOne: v.optional(v.boolean()),
  clipSample: v.optional(v.boolean()),
  clipSampleRange: v.optional(v.pipe(v.number(), v.gtValue(0))),
  /** Dynamic thresholding of the predicted clean sample. */
  thresholding: v.optional(v.boolean()),
  dynamicThresholdingRatio: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  sampleMaxValue: v.optional(v.pipe(v.number(), v.gtValue(0))),
  originalInferenceSteps: v.optional(positiveInteger),
  /** LCM: factor on the timestep in c_skip and c_out; 10 unless given. */
  timestepScaling: v.optional(v.pipe(v.number(), v.gtValue(0))),
  /** Betas rescaled to zero terminal SNR (Lin et al., WACV 2024, algorithm 1). */
  rescaleBetasZeroSnr: v.optional(v.boolean()),
  /** Levels that are not read off the trained schedule. */
  sigmaSchedule: v.optional(v.picklist(['karras', 'exponential', 'beta'])),
  sigmaMin: v.optional(v.pipe(v.number(), v.gtValue(0))),
  sigmaMax: v.optional(v.pipe(v.number(), v.gtValue(0))),
  /** The level after the last step: 0 unless it is the smallest trained one. */
  finalSigma: v.optional(v.picklist(['zero', 'sigma_min'])),
  /** Rectified flow: the levels are stretched so that the last step ends here (0 is left out). */
  shiftTerminal: v.optional(v.pipe(v.number(), v.gtValue(0), v.ltValue(1))),
  /** Defaults for sampling; a RunSpec may choose others. */
  numInferenceSteps: positiveInteger,
  guidanceScale: v.number(),
})
export type SchedulerConfig = v.InferOutput<typeof SchedulerConfigSchema>

/** A part of the generator: graph and safetensors of a pack, or a published ONNX file. */
export type ModelComponent = Component | OnnxComponent
const holds = (value: unknown, key: string) => typeof value === 'object' && value !== null && key in value
// Lazy, so that an error names the field that is wrong and not the whole part.
const ModelComponentSchema: v.GenericSchema<ModelComponent> = v.lazy((part) =>
  holds(part, 'onnx') ? OnnxComponentSchema : ComponentSchema,
)
const ModelTokenizerSchema: v.GenericSchema<TokenizerFiles | RepositoryTokenizer> = v.lazy((part) =>
  holds(part, 'repository') ? RepositoryTokenizerSchema : TokenizerSchema,
)

export const DiffusionModelSchema = v.strictObject({
  tokenizer: ModelTokenizerSchema,
  textEncoder: ModelComponentSchema,
  unet: ModelComponentSchema,
  vaeDecoder: ModelComponentSchema,
  vaeEncoder: v.optional(ModelComponentSchema),
  /** Float32 graphs of half-precision parts, for when these overflow. */
  fallbacks: v.optional(
    v.strictObject({
      textEncoder: v.optional(ModelComponentSchema),
      unet: v.optional(ModelComponentSchema),
      vaeDecoder: v.optional(ModelComponentSchema),
    }),
  ),
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
  /** The file of a guard changes no weight; it stands beside a manifest only. */
  format: v.picklist(['lora', 'delta', 'delta-int8', ...GUARD_FORMATS]),
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
  /** The suite whose prompts it says in better words; runs take it only when it is asked for. */
  revises: v.optional(v.string()),
  /** The search that found its prompts; runs take it only when it is asked for. */
  attack: v.optional(v.literal('ring-a-bell')),
  /** The harmful suite whose prompts it says with a harmless thing that looks like the forbidden one; see `neighbours.ts`. */
  neighbourOf: v.optional(v.string()),
})

/** The concept of a prompt as words: "kitchen-knife" → "kitchen knife". */
export const conceptName = (id: string): string => id.replaceAll('-', ' ')

/** Whether a suite is described beside the manifest: no preset takes it, and no hash of the pack covers it. */
export const isBeside = ({ revises, attack, neighbourOf }: v.InferOutput<typeof PackPromptsSchema>): boolean =>
  revises !== undefined || attack !== undefined || neighbourOf !== undefined

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
export const TrainingCaptionsSchema = v.array(
  v.strictObject({ image: nonNegativeInteger, language: v.string(), text: v.pipe(v.string(), v.maxLength(2000)) }),
)

export const TrainingSchema = v.strictObject({
  /** Pictures of one step; smaller batches are padded with pictures of weight 0. */
  batchSize: positiveInteger,
  /** Share of captions replaced by the empty prompt. */
  captionDropout: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  optimiser: v.strictObject({
    beta1: v.number(),
    beta2: v.number(),
    epsilon: v.number(),
    weightDecay: v.number(),
    clipNorm: v.number(),
  }),
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
  attribution: v.array(v.strictObject({ name: v.string(), author: v.string(), licence: v.string(), url: v.string() })),
  model: DiffusionModelSchema,
  judges: v.array(JudgeSchema),
  adapters: v.array(PackAdapterSchema),
  prompts: v.array(PackPromptsSchema),
  measured: v.nullable(PackFileSchema),
  /** What fine-tuning in the browser needs; absent when the pack cannot be trained. */
  training: v.optional(TrainingSchema),
})
export type PackManifest = v.InferOutput<typeof PackManifestSchema>

/** The manifest of a published model, derived from its repository and pinned to a revision. */
export const ModelManifestSchema = v.strictObject({
  schema: v.literal(1),
  kind: v.literal('repository'),
  /** The address as a person types it. */
  id: v.string(),
  /** The pinned address: equal ones mean equal files. */
  version: v.string(),
  title: v.string(),
  licence: v.strictObject({ id: v.nullable(v.string()), nonCommercial: v.boolean(), gated: v.boolean() }),
  /** Precisions that can be asked for, by what the files' names say; '' is the plain one. */
  variants: v.array(v.string()),
  model: DiffusionModelSchema,
  /** What was assumed, and what of the repository is not followed: one sentence each. */
  notes: v.array(v.string()),
})
export type ModelManifest = v.InferOutput<typeof ModelManifestSchema>

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
