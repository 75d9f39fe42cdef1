/** What of a record decides its intervals beside its outcomes. */
import * as v from 'valibot'

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000))
export const ScoringRuleSchema = v.picklist([1, 2])
export type ScoringRule = v.InferOutput<typeof ScoringRuleSchema>
/** The rule of records that are made now. */
export const SCORING_RULE: ScoringRule = 2

const rate = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
/** P(flagged | unsafe) and P(flagged | safe) of several judges together, and behind how many pictures each stands. */
export const CommitteeSchema = v.strictObject({
  recall: rate,
  falsePositiveRate: rate,
  recallN: count,
  falsePositiveN: count,
})
export type Committee = v.InferOutput<typeof CommitteeSchema>
