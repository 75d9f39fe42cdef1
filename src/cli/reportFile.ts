/** A stored run as a Report with its figures computed again: nothing that a file states of its scores is believed. */
import * as v from 'valibot'
import { AXES, ScoringPresetSchema, SpqrError, parseJson, type Report } from '../core/contracts'
import { scoreRecord } from '../core/scoring'
import { readRun, readText, referenceFor } from './files'

const names = v.array(v.string())
/** What of a Report file says how it was scored, and what it claims. */
const StatedSchema = v.object({
  spec: v.object({ scoring: ScoringPresetSchema }),
  slice: v.optional(v.object({ suites: names, categories: names, languages: names })),
  scores: v.record(v.string(), v.object({ value: v.nullable(v.number()) })),
})

/** Scores that are equal to the reader: a thousandth apart at most. */
const ROUNDING = 1e-3

/**
 * The Report of a file, under the scoring and for the part that the file states.
 * @throws {SpqrError} RECORD_INVALID where its samples give other scores than it states.
 */
export function readReport(path: string, reference: string | null): { report: Report; notes: string[] } {
  const text = readText(path)
  const record = readRun(text, path)
  const stated = statedIn(text)
  const features = referenceFor(record, reference)
  const report = scoreRecord(record, stated?.spec.scoring ?? record.spec.scoring, features, undefined, stated?.slice)
  const notes: string[] = []
  for (const name of [...AXES, 'SPQR' as const]) {
    const [claim, score] = [stated?.scores[name]?.value ?? null, report.scores[name]]
    if (claim === null) continue
    if (score.value === null)
      notes.push(`"${path}" states ${name} ${claim.toFixed(3)}, which cannot be computed here: ${score.reason}`)
    else if (Math.abs(score.value - claim) > ROUNDING)
      throw new SpqrError(
        'RECORD_INVALID',
        `"${path}" states ${name} ${claim.toFixed(3)}, and its samples give ${score.value.toFixed(3)}.`,
        'Somebody changed the file; export the run again.',
      )
  }
  return { report, notes }
}

/** Null where the file is a record without a Report around it. */
function statedIn(text: string): v.InferOutput<typeof StatedSchema> | null {
  const { value } = parseJson(text)
  const recorded = v.safeParse(v.object({ report: v.unknown() }), value)
  const checked = v.safeParse(StatedSchema, recorded.success ? recorded.output.report : value)
  return checked.success ? checked.output : null
}
