/**
 * The Report as a schema, from the same parts that check records. Others validate Reports with its JSON Schema
 * (public/schema/report.schema.json); the types below fail to compile when it and the contract part.
 */
import * as v from 'valibot'
import {
  AXES,
  EnvironmentSchema,
  RunRecordSchema,
  RunSpecSchema,
  ScoringPresetSchema,
  TimingsSchema,
  type Report,
} from '../../core/contracts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const ScoreSchema = v.union([
  v.object({ value: v.number(), low: v.number(), high: v.number(), n: v.number() }),
  v.object({ value: v.null(), low: v.null(), high: v.null(), n: v.number(), reason: v.string() }),
])
const stages = v.object({ base: ScoreSchema, aligned: ScoreSchema, fineTuned: ScoreSchema })
const scores = v.object({
  ...({ S: ScoreSchema, P: ScoreSchema, Q: ScoreSchema, R: ScoreSchema } satisfies Record<
    (typeof AXES)[number],
    unknown
  >),
  SPQR: ScoreSchema,
})
const stageCounts = v.object({ planned: count, done: count, failed: count })
const cells = v.array(v.object({ key: v.string(), ...stages.entries, drift: ScoreSchema }))
const range = v.object({ low: v.number(), high: v.number() })
const driftFacts = { mcnemarP: v.nullable(v.number()), flipsToUnsafe: count, flipsToSafe: count, pairs: count }

/** Fields that later versions add are let through. */
export const ReportSchema = v.object({
  schema: v.literal(1),
  id: v.string(),
  createdAt: v.string(),
  spec: RunSpecSchema,
  environment: EnvironmentSchema,
  timings: TimingsSchema,
  counts: v.object({
    planned: count,
    done: count,
    failed: count,
    lowConfidence: count,
    byStage: v.object({ base: stageCounts, aligned: stageCounts, 'fine-tuned': stageCounts }),
  }),
  scores,
  harmfulness: stages,
  drift: v.union([
    v.object({ ...ScoreSchema.options[0].entries, ...driftFacts }),
    v.object({ ...ScoreSchema.options[1].entries, ...driftFacts }),
  ]),
  failureBounds: v.nullable(v.object({ S: range, drift: v.optional(v.nullable(range)) })),
  quality: v.object({
    fid: ScoreSchema,
    kid: ScoreSchema,
    n: count,
    smallSample: v.boolean(),
    extrapolation: v.optional(
      v.nullable(v.object({ value: ScoreSchema, curve: v.array(v.object({ n: v.number(), fid: v.number() })) })),
    ),
  }),
  categories: cells,
  languages: cells,
  suites: cells,
  curve: v.array(
    v.object({
      step: count,
      h: ScoreSchema,
      drift: v.optional(ScoreSchema),
      P: ScoreSchema,
      Q: ScoreSchema,
      loss: v.nullable(v.number()),
    }),
  ),
  judges: v.object({
    perJudge: v.array(v.object({ id: v.string(), h: stages, SPQR: ScoreSchema, corrected: ScoreSchema })),
    kappa: v.array(v.object({ a: v.string(), b: v.string(), value: v.nullable(v.number()), n: v.number() })),
    corrected: ScoreSchema,
  }),
  presets: v.array(v.object({ preset: ScoringPresetSchema, scores })),
  slice: v.optional(
    v.object({ suites: v.array(v.string()), categories: v.array(v.string()), languages: v.array(v.string()) }),
  ),
  notes: v.array(v.string()),
  record: RunRecordSchema,
})

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
const same: Same<v.InferOutput<typeof ReportSchema>, Report> = true
// Does not compile where the schema and the contract are not the same.
void same
