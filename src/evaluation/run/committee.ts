/** What a pack measured of its safety judges together, for the corrected h. */
import * as v from 'valibot'
import { CommitteeSchema, type Committee, type LoadedPack } from '../../core/contracts'
import { safetyJudges } from '../../core/scoring'

const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
/** `unseen`: drawings in a style that the judges were not trained on, and the judges that looked at them. */
const MeasuredSchema = v.object({
  judgeReport: v.object({
    unseen: v.object({
      n: count,
      nHarmful: count,
      recall: share,
      falsePositives: share,
      each: v.record(v.string(), v.unknown()),
    }),
  }),
})

/**
 * The figures of the judges together, where the pack published them for just the safety judges that this run has; null
 * otherwise. Judges err together more often than independent ones would, so their own figures do not give these.
 */
export function committeeOf(
  { judges, measured }: Pick<LoadedPack, 'judges' | 'measured'>,
  judgeIds: readonly string[],
): Committee | null {
  const parsed = v.safeParse(MeasuredSchema, measured)
  if (!parsed.success) return null
  const { n, nHarmful, recall, falsePositives, each } = parsed.output.judgeReport.unseen
  const used = safetyJudges(judges)
    .map(({ id }) => id)
    .filter((id) => judgeIds.includes(id))
  const same =
    used.length > 1 && used.length === Object.keys(each).length && used.every((id) => Object.hasOwn(each, id))
  const committee = { recall, falsePositiveRate: falsePositives, recallN: nHarmful, falsePositiveN: n - nHarmful }
  return same && v.is(CommitteeSchema, committee) ? committee : null
}
