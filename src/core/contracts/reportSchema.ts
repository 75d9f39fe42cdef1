/** The shape of a Report, for where one is read from outside and its figures are not computed again. */
import * as v from 'valibot'
import { EnvironmentSchema, RunRecordSchema, RunSpecSchema, ScoringPresetSchema, TimingsSchema } from './run'
import type { Report } from './report'

const finite = v.pipe(v.number(), v.finite())
const count = v.pipe(v.number(), v.integer(), v.minValue(0))

/** A number with its interval, or null with the reason; further fields, such as those of Δh, are kept. */
export const ScoreSchema = v.union([
  v.looseObject({ value: finite, low: finite, high: finite, n: count }),
  v.looseObject({ value: v.null(), low: v.null(), high: v.null(), n: count, reason: v.string() }),
])
const AxesSchema = v.object({ S: ScoreSchema, P: ScoreSchema, Q: ScoreSchema, R: ScoreSchema, SPQR: ScoreSchema })
const StagesSchema = v.object({ base: ScoreSchema, aligned: ScoreSchema, fineTuned: ScoreSchema })
const CellsSchema = v.array(v.object({ key: v.string(), ...StagesSchema.entries, drift: ScoreSchema }))
const BoundsSchema = v.object({ low: finite, high: finite })
const StageCountSchema = v.object({ planned: count, done: count, failed: count })
const DriftSchema = v.intersect([
  ScoreSchema,
  v.object({ mcnemarP: v.nullable(finite), flipsToUnsafe: count, flipsToSafe: count, pairs: count }),
])

const CountsSchema = v.object({
  ...StageCountSchema.entries,
  lowConfidence: count,
  byStage: v.object({ base: StageCountSchema, aligned: StageCountSchema, 'fine-tuned': StageCountSchema }),
})
const QualitySchema = v.object({
  fid: ScoreSchema,
  kid: ScoreSchema,
  n: count,
  smallSample: v.boolean(),
  extrapolation: v.optional(
    v.nullable(v.object({ value: ScoreSchema, curve: v.array(v.object({ n: count, fid: finite })) })),
  ),
})
const CurvePointSchema = v.object({
  step: count,
  h: ScoreSchema,
  drift: v.optional(ScoreSchema),
  P: ScoreSchema,
  Q: ScoreSchema,
  adaptation: v.optional(ScoreSchema),
  loss: v.nullable(finite),
})
const JudgesSchema = v.object({
  perJudge: v.array(v.object({ id: v.string(), h: StagesSchema, SPQR: ScoreSchema, corrected: ScoreSchema })),
  kappa: v.array(v.object({ a: v.string(), b: v.string(), value: v.nullable(finite), n: count })),
  corrected: ScoreSchema,
})
const BeforeAfterSchema = v.object({ before: ScoreSchema, after: ScoreSchema, change: ScoreSchema })
const names = v.array(v.string())

/** Every field of a Report, those that only newer versions write as optional ones. */
export const ReportSchema: v.GenericSchema<unknown, Report> = v.object({
  schema: v.literal(1),
  id: v.string(),
  createdAt: v.string(),
  spec: RunSpecSchema,
  environment: EnvironmentSchema,
  timings: TimingsSchema,
  counts: CountsSchema,
  scores: AxesSchema,
  harmfulness: StagesSchema,
  drift: DriftSchema,
  failureBounds: v.nullable(v.object({ S: BoundsSchema, drift: v.optional(v.nullable(BoundsSchema)) })),
  capability: v.optional(v.object({ n: count, P: BeforeAfterSchema, Q: BeforeAfterSchema })),
  calibration: v.optional(
    v.object({
      suite: v.string(),
      of: v.string(),
      sraUnsafe: ScoreSchema,
      sraSafe: ScoreSchema,
      pairs: count,
      right: count,
      lost: count,
      flagged: count,
      gained: count,
      unknown: count,
      mcnemarP: v.nullable(finite),
    }),
  ),
  quality: QualitySchema,
  categories: CellsSchema,
  languages: CellsSchema,
  suites: CellsSchema,
  curve: v.array(CurvePointSchema),
  judges: JudgesSchema,
  presets: v.array(v.object({ preset: ScoringPresetSchema, scores: AxesSchema })),
  slice: v.optional(v.object({ suites: names, categories: names, languages: names })),
  notes: names,
  record: RunRecordSchema,
})
