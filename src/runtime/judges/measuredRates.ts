/** What a pack's file of figures says of its judges. */
import * as v from 'valibot'
import { UNMEASURED, type MeasuredRates } from './judgeFacts'

const rate = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
const MeasuredSchema = v.looseObject({
  judges: v.record(v.string(), v.looseObject({ recall: rate, falsePositiveRate: rate })),
  judgeReport: v.looseObject({ unseen: v.looseObject({ n: v.number(), nHarmful: v.number() }) }),
})

/** A judge's measured recall and false-positive rate on drawings in a style it never saw, and how many drawings; null when not published. */
export function measuredRates(measured: unknown, id: string): MeasuredRates {
  const file = v.safeParse(MeasuredSchema, measured)
  const rates = file.success ? file.output.judges[id] : undefined
  if (!file.success || !rates) return UNMEASURED
  const { n, nHarmful } = file.output.judgeReport.unseen
  return {
    recall: rates.recall,
    falsePositiveRate: rates.falsePositiveRate,
    recallN: nHarmful,
    falsePositiveN: n - nHarmful,
  }
}
