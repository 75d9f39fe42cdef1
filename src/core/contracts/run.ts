/**
 * What is measured (RunSpec), what has to be made for it (WorkUnit) and what came of it (Outcome).
 * The specification is frozen before the first image; the record is append-only.
 */
import * as v from 'valibot'
import { CommitteeSchema, ScoringRuleSchema } from './scoringRule'
import { CLOSED_FORM_IDS, CLOSED_FORM_NUMBERS } from '../methods'
import { conceptList, count, hash, label, seed } from './fields'
import { LiveFineTuneSchema, TrainingTraceSchema } from './fineTune'
import { InferenceAlignmentSchema } from './guided'
import { SamplerSpecSchema } from './sampler'

export const STAGES = ['base', 'aligned', 'fine-tuned'] as const
/** Key of a stage in the Report's records. */
export const STAGE_KEYS = { base: 'base', aligned: 'aligned', 'fine-tuned': 'fineTuned' } as const satisfies Record<
  (typeof STAGES)[number],
  string
>
export type Stage = (typeof STAGES)[number]

/** A file of the user's own, known by its hash; `strength` multiplies its effect (LoRA scale). */
const AdapterPartSchema = v.strictObject({ name: label, sha256: hash, strength: v.number() })
export type AdapterPart = v.InferOutput<typeof AdapterPartSchema>
/** One file, or several merged in order: `more` are those behind the first. `name` names them all. */
const AdapterFileSchema = v.strictObject({
  kind: v.literal('file'),
  ...AdapterPartSchema.entries,
  more: v.optional(v.pipe(v.array(AdapterPartSchema), v.maxLength(15))),
})
/** An adapter of the pack, by id. */
const PackAdapterRefSchema = v.strictObject({ kind: v.literal('pack'), id: label, sha256: hash })

/** Closed-form editing of attn2.to_k / to_v, computed in the browser (see core/alignment). */
export const ClosedFormAlignmentSchema = v.strictObject({
  kind: v.literal('closed-form'),
  method: v.picklist(CLOSED_FORM_IDS),
  concepts: conceptList,
  guide: label,
  preserve: conceptList,
  eraseScale: v.number(),
  preserveScale: v.number(),
  lambda: v.number(),
  rounds: v.pipe(
    v.number(),
    v.integer(),
    v.minValue(CLOSED_FORM_NUMBERS.rounds.low),
    v.maxValue(CLOSED_FORM_NUMBERS.rounds.high),
  ),
})
export type ClosedFormAlignment = v.InferOutput<typeof ClosedFormAlignmentSchema>

export const AlignmentSpecSchema = v.variant('kind', [
  PackAdapterRefSchema,
  AdapterFileSchema,
  ClosedFormAlignmentSchema,
  InferenceAlignmentSchema,
])
export type AlignmentSpec = v.InferOutput<typeof AlignmentSpecSchema>

/**
 * The pack's accelerator that was trained on the unaligned base alone (`onBase`), added to the model after deployment, as
 * practitioners add LCM-LoRA (arXiv 2311.05556): this stage alone is drawn by its few evaluations, guidance inside.
 */
const AccelerateSchema = v.strictObject({
  kind: v.literal('accelerate'),
  sha256: hash,
  numInferenceSteps: SamplerSpecSchema.entries.numInferenceSteps,
  guidanceScale: v.number(),
})

export const FineTuneSpecSchema = v.variant('kind', [
  PackAdapterRefSchema,
  AdapterFileSchema,
  LiveFineTuneSchema,
  AccelerateSchema,
])
export type FineTuneSpec = v.InferOutput<typeof FineTuneSpecSchema>

/** Constants of the formulas (arXiv 2511.19558, section 3). `null` bounds or ceiling: take the judge pack's own. */
export const ScoringPresetSchema = v.strictObject({
  name: v.picklist(['paper', 'code', 'pack', 'custom']),
  promptCeiling: v.nullable(v.number()),
  fidBounds: v.nullable(v.strictObject({ min: v.number(), max: v.number() })),
  epsilon: v.number(),
  lambda: v.strictObject({ S: v.number(), P: v.number(), Q: v.number(), R: v.number() }),
  /** Unsafe when any of (`any`) or all of (`all`) the safety judges flag the image. */
  combine: v.picklist(['any', 'all']),
  /** Judge id → threshold; a judge that is absent keeps the manifest's. */
  thresholds: v.record(v.string(), v.number()),
})
export type ScoringPreset = v.InferOutput<typeof ScoringPresetSchema>

const SuiteEntrySchema = v.strictObject({ suite: label, count, sha256: hash })
const PromptsSpecSchema = v.strictObject({
  /** Suite names with the number of prompts taken from the head of each (suites are interleaved). */
  harmful: v.array(SuiteEntrySchema),
  benign: SuiteEntrySchema,
  /** Harmless neighbours of the prompts of suite `of`, drawn by the base and the aligned model; absent: none. */
  neighbours: v.optional(v.strictObject({ ...SuiteEntrySchema.entries, of: label })),
  seedsPerPrompt: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)),
})

/** Every suite of a run: harmful ones, the benign one, and that of neighbours. */
export function suitesOfRun({ harmful, benign, neighbours }: v.InferOutput<typeof PromptsSpecSchema>) {
  return [
    ...harmful.map((entry) => ({ ...entry, harmful: true })),
    { ...benign, harmful: false },
    ...(neighbours ? [{ ...neighbours, harmful: false }] : []),
  ]
}

export const RunSpecSchema = v.strictObject({
  schema: v.literal(1),
  preset: v.picklist(['smoke', 'quick', 'full', 'custom']),
  model: v.strictObject({ id: label, version: label, manifestSha256: hash }),
  alignment: v.nullable(AlignmentSpecSchema),
  fineTune: v.nullable(FineTuneSpecSchema),
  prompts: PromptsSpecSchema,
  seed,
  sampler: SamplerSpecSchema,
  judges: v.array(label),
  scoring: ScoringPresetSchema,
})
export type RunSpec = v.InferOutput<typeof RunSpecSchema>

/** One image to make. `id` is the hash of everything that determines the image. */
export interface WorkUnit {
  id: string
  stage: Stage
  /** Fine-tuning step of a live checkpoint; null outside the breakdown curve. */
  step: number | null
  promptId: string
  text: string
  language: string
  suite: string
  category: string
  concept: string | null
  harmful: boolean
  /** Seed of the starting noise: equal at every stage for the same prompt and repeat. */
  seed: number
  /** 0 … seedsPerPrompt − 1 */
  repeat: number
}

/** What a judge said of one image, raw, so that thresholds can change without a new image. */
export const JudgementSchema = v.variant('kind', [
  /**
   * One score from 0 to 1 per label of the judge's facts, whatever the network: sigmoids, softmax, best detections,
   * Q16's probability, or 1 for the category a vision-language model named. legible: probability or null.
   */
  v.strictObject({
    kind: v.literal('safety-multilabel'),
    scores: v.array(v.number()),
    legible: v.nullable(v.number()),
  }),
  /** raw cosine of image and prompt. */
  v.strictObject({
    kind: v.literal('clip'),
    cosine: v.number(),
    /** Of a neighbour: the place of its own concept among the names of all the pack's concepts, nearest first; 1 is right. */
    rank: v.optional(v.pipe(count, v.minValue(1))),
  }),
  v.strictObject({ kind: v.literal('features'), features: v.array(v.number()) }),
])
export type Judgement = v.InferOutput<typeof JudgementSchema>

const unitFacts = {
  unitId: hash,
  stage: v.picklist(STAGES),
  step: v.nullable(count),
  promptId: label,
  language: label,
  suite: label,
  category: label,
  concept: v.nullable(label),
  harmful: v.boolean(),
  seed,
  repeat: count,
}
export const OutcomeSchema = v.variant('status', [
  v.strictObject({
    ...unitFacts,
    status: v.literal('judged'),
    /** SHA-256 of the RGB bytes: equal hashes mean bit-identical pictures. */
    imageSha256: hash,
    judgements: v.record(v.string(), JudgementSchema),
  }),
  v.strictObject({
    ...unitFacts,
    status: v.literal('failed'),
    code: label,
    message: v.pipe(v.string(), v.maxLength(1000)),
    /** How often it was tried; absent: once. */
    attempts: v.optional(count),
  }),
])
export type Outcome = v.InferOutput<typeof OutcomeSchema>
export type JudgedOutcome = Extract<Outcome, { status: 'judged' }>
export type FailedOutcome = Extract<Outcome, { status: 'failed' }>

/** Where and with what it ran. */
export const EnvironmentSchema = v.strictObject({
  executionProvider: v.picklist(['wasm', 'webgpu']),
  adapter: v.nullable(label),
  threads: v.pipe(v.number(), v.integer(), v.minValue(1)),
  crossOriginIsolated: v.boolean(),
  precision: label,
  userAgent: v.pipe(v.string(), v.maxLength(500)),
  onnxruntime: label,
  transformers: label,
  app: label,
})
export type Environment = v.InferOutput<typeof EnvironmentSchema>

export const TimingsSchema = v.strictObject({
  totalSeconds: v.number(),
  loadSeconds: v.number(),
  generateSeconds: v.number(),
  judgeSeconds: v.number(),
  images: count,
  unetEvaluations: count,
})
export type Timings = v.InferOutput<typeof TimingsSchema>

/** Judge facts a score needs, frozen into the record so that it re-scores without the pack. */
export const JudgeFactsSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('safety-multilabel'),
    id: label,
    sha256: hash,
    labels: v.array(label),
    threshold: v.number(),
    /** Labels whose scores make a picture unsafe; absent: all. The others are kept for another choice. */
    unsafe: v.optional(v.array(label)),
    legibilityThreshold: v.nullable(v.number()),
    /** Measured on real drawings: for the Rogan–Gladen correction. */
    recall: v.nullable(v.number()),
    falsePositiveRate: v.nullable(v.number()),
    /** Pictures behind the two figures (unsafe and safe ones), so that their own uncertainty can be carried on. */
    recallN: v.optional(count),
    falsePositiveN: v.optional(count),
  }),
  v.strictObject({ kind: v.literal('clip'), id: label, sha256: hash, ceiling: v.nullable(v.number()) }),
  v.strictObject({
    kind: v.literal('features'),
    id: label,
    sha256: hash,
    dimension: count,
    /** Null until the user brings one. `moments`: known by mean and covariance only, as rows that have them. */
    reference: v.nullable(v.strictObject({ sha256: hash, n: count, moments: v.optional(v.boolean()) })),
    bounds: v.array(v.strictObject({ n: count, min: v.number(), max: v.number() })),
  }),
])
export type JudgeFacts = v.InferOutput<typeof JudgeFactsSchema>

export const RunRecordSchema = v.strictObject({
  schema: v.literal(1),
  /** Hash of the canonical RunSpec. */
  id: hash,
  spec: RunSpecSchema,
  createdAt: v.string(),
  environment: EnvironmentSchema,
  timings: TimingsSchema,
  judges: v.array(JudgeFactsSchema),
  planned: count,
  outcomes: v.array(OutcomeSchema),
  training: v.nullable(TrainingTraceSchema),
  /**
   * The rule its intervals are computed by, so that every record and link keeps the numbers it was made with. Absent or
   * 1: prompts are independent (versions up to 0.1.0); 2: prompts of one concept, and repeats of a prompt, are clusters.
   */
  scoringRule: v.optional(ScoringRuleSchema),
  /** What the safety judges together, by OR at their own thresholds, do on real drawings; absent where nobody measured it. */
  committee: v.optional(CommitteeSchema),
})
export type RunRecord = v.InferOutput<typeof RunRecordSchema>
