/** The file of a study, `leaderboard.json`: one row for each method, profile, scenario, sampler and number of trainings. */
import * as v from 'valibot'
import { PROFILES, SCENARIOS, ScoreSchema as LooseScoreSchema, type Score } from '../../core/contracts'

/** What a study does to the aligned model: fine-tuning by a profile, or adding the pack's accelerator. */
export const STUDY_PROFILES = [...PROFILES, 'accelerate'] as const
export type StudyProfile = (typeof STUDY_PROFILES)[number]

const ScoreSchema: v.GenericSchema<unknown, Score> = LooseScoreSchema
const finite = v.pipe(v.number(), v.finite())
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const counts = v.pipe(v.array(count), v.maxLength(100_000))
const BoundsSchema = v.object({ low: finite, high: finite })
const StagesSchema = v.object({ base: ScoreSchema, aligned: ScoreSchema, fineTuned: ScoreSchema })
const CellsSchema = v.array(v.looseObject({ key: v.string(), ...StagesSchema.entries, drift: ScoreSchema }))

/** What a study keeps of one training; `flagged`: pictures of each cell of the row's plan. */
export const TrainingSchema = v.looseObject({
  seed: count,
  id: v.string(),
  createdAt: v.string(),
  flagged: counts,
  illegible: count,
  flips: v.object({ toUnsafe: count, toSafe: count }),
  /** Δh if every illegible picture that no judge flagged had been what is best, and what is worst. */
  bounds: BoundsSchema,
  /** Cosine of each benign prompt of the plan after fine-tuning, and Q of these pictures. */
  cosines: v.array(finite),
  Q: ScoreSchema,
  /** What was learned: fall of the loss on held-out pictures in percent; absent where none were held out. */
  adaptation: v.optional(ScoreSchema),
  /** Of a mitigation: h minus that of the plain run of this seed where it had learned as much, in points. */
  atEqual: v.optional(
    v.looseObject({
      learned: ScoreSchema,
      difference: ScoreSchema,
      p: v.nullable(finite),
      beyond: v.boolean(),
      finding: v.picklist(['keeps', 'loses', 'not-shown']),
    }),
  ),
})
export type Training = v.InferOutput<typeof TrainingSchema>

const DriftSchema = v.intersect([
  ScoreSchema,
  v.looseObject({
    mcnemarP: v.nullable(finite),
    /** Test by concepts and trainings, its standard error in points and degrees of freedom. */
    p: v.optional(finite),
    standardError: v.optional(finite),
    freedom: v.optional(finite),
  }),
])

/**
 * A row. What is optional came with rows of several trainings; a row without it is of one training by the full sampler,
 * its intervals by scoring rule 1, which takes prompts as independent.
 */
export const RowSchema = v.looseObject({
  method: v.string(),
  profile: v.picklist(STUDY_PROFILES),
  scenario: v.picklist(SCENARIOS),
  packSha256: v.string(),
  /** Of the method; null where it has none. */
  weightsSha256: v.optional(v.nullable(v.string())),
  preset: v.string(),
  /** An accelerator is added as it is: no steps. */
  fineTune: v.looseObject({ steps: finite, batchSize: finite }),
  scores: v.object({ S: ScoreSchema, P: ScoreSchema, Q: ScoreSchema, R: ScoreSchema, SPQR: ScoreSchema }),
  harmfulness: StagesSchema,
  drift: DriftSchema,
  categories: CellsSchema,
  languages: CellsSchema,
  suites: CellsSchema,
  curve: v.optional(v.array(v.looseObject({ step: count, P: ScoreSchema, Q: ScoreSchema }))),
  sampler: v.optional(v.picklist(['full', 'fast'])),
  /** How the fine-tuning was done to keep safety: a mitigation, or `beneath`; absent: plainly. */
  mitigation: v.optional(v.string()),
  /** Pictures that were held out; absent: none. */
  heldOut: v.optional(count),
  scoringRule: v.optional(v.picklist([1, 2])),
  /** Seeds of the trainings that the row is meant to have; `trainings` holds those that are done. */
  seeds: v.optional(v.pipe(v.array(count), v.minLength(1), v.maxLength(100))),
  trainings: v.optional(v.array(TrainingSchema)),
  /** Name of the prompts in the file's `plans`, and what the stages before fine-tuning gave. */
  plan: v.optional(v.string()),
  before: v.optional(
    v.object({
      base: counts,
      aligned: counts,
      illegible: count,
      S: BoundsSchema,
      cosines: v.array(finite),
      /** P of a mean cosine of 1: the reciprocal of the ceiling. */
      perCosine: finite,
      Q: ScoreSchema,
    }),
  ),
  /** Share in percent of harmful pictures that no judge flagged and some judge found illegible. */
  illegible: v.optional(v.object({ aligned: finite, fineTuned: finite })),
  /** S and Δh if all illegible pictures were unsafe or safe. */
  bounds: v.optional(v.object({ S: BoundsSchema, drift: BoundsSchema })),
  /** P and Q of the same benign prompts before and after fine-tuning. */
  capability: v.optional(
    v.object({
      n: count,
      P: v.object({ before: finite, after: finite, change: ScoreSchema }),
      Q: v.object({ before: v.nullable(finite), after: v.nullable(finite) }),
    }),
  ),
})
export type Row = v.InferOutput<typeof RowSchema>

const PlanSchema = v.object({
  /** Harmful prompts by what they share, and how many. */
  cells: v.array(
    v.object({ concept: v.string(), category: v.string(), suite: v.string(), language: v.string(), n: count }),
  ),
  /** What each benign prompt that is drawn before and after shows. */
  benign: v.array(v.string()),
})
export type StudyPlan = v.InferOutput<typeof PlanSchema>

export const BoardSchema = v.object({
  schema: v.literal(1),
  rows: v.array(RowSchema),
  plans: v.optional(v.record(v.string(), PlanSchema), {}),
})
export type Board = v.InferOutput<typeof BoardSchema>

/** How rows were made; only rows of one design compare. */
export interface Design {
  sampler: 'full' | 'fast'
  trainings: number
  /** `none`: plain fine-tuning. */
  mitigation: string
  heldOut: number
  /** The accelerator was added; nothing was trained. */
  accelerated: boolean
}
type Designed = Pick<Row, 'sampler' | 'seeds' | 'mitigation' | 'heldOut'> & { profile: string }
export const designOf = ({ sampler, seeds, mitigation, heldOut, profile }: Designed): Design => ({
  sampler: sampler ?? 'full',
  trainings: seeds?.length ?? 1,
  mitigation: mitigation ?? 'none',
  heldOut: heldOut ?? 0,
  accelerated: profile === 'accelerate',
})
/** Plain rows without held-out pictures have the keys that they had before there were others. */
export const designKey = ({ sampler, trainings, mitigation, heldOut, accelerated }: Design): string =>
  accelerated
    ? `${sampler} accelerate`
    : `${sampler} ${trainings}${mitigation === 'none' && heldOut === 0 ? '' : ` ${mitigation} ${heldOut}`}`

/** Keys of the designs among the rows, in code-unit order. */
export const designKeys = (rows: readonly Designed[]): string[] =>
  [...new Set(rows.map((row) => designKey(designOf(row))))].sort()

/** All trainings that the row is meant to have are in it. */
export const isWholeRow = ({ seeds, trainings }: Pick<Row, 'seeds' | 'trainings'>): boolean =>
  trainings === undefined || trainings.length >= (seeds?.length ?? 1)
