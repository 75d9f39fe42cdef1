/** Alignments that act while pictures are made: guards. */
import * as v from 'valibot'
import { CANDIDATES, GUIDANCE_IDS, choosesPicture, guardFormat } from '../methods'
import { conceptList, hash, label } from './fields'

/** Guidance-time safety; no weight changes, so benign fine-tuning happens beneath it. */
const GuidedSchema = v.strictObject({
  kind: v.literal('inference'),
  method: v.picklist(GUIDANCE_IDS),
  concepts: conceptList,
  /** Of best of n: pictures drawn for one that is kept, and the safety judge that chooses; it is none of the run's judges. */
  candidates: v.optional(v.pipe(v.number(), v.integer(), v.minValue(CANDIDATES.low), v.maxValue(CANDIDATES.high))),
  guidedBy: v.optional(label),
  /** Of a method that was trained with the model: its file in the pack. */
  weights: v.optional(hash),
})
/** What only best of n has, it has whole, and no other method has any of it: a run is not described as what it was not. */
export const InferenceAlignmentSchema = v.pipe(
  GuidedSchema,
  v.check(
    ({ method, candidates, guidedBy }) =>
      [candidates, guidedBy].every((part) => (part !== undefined) === choosesPicture(method)),
    'best of n, and no other method, names its judge and how many pictures it draws',
  ),
  v.check(
    ({ method, weights }) => (weights !== undefined) === (guardFormat(method) !== null),
    'a guard that was trained with the model, and no other, names its network',
  ),
)
export type InferenceAlignment = v.InferOutput<typeof InferenceAlignmentSchema>
