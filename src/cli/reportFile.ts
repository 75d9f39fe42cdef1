/** A stored run as a Report with its figures computed again: nothing that a file states of its scores is believed. */
import { AXES, SpqrError, firstDifference, type Report } from '../core/contracts'
import { scoreRecord } from '../core/scoring'
import { readSealedRun, referenceFor } from './files'

/**
 * The Report of a file, under the scoring and for the part that the file states.
 * @throws {SpqrError} RECORD_INVALID where its samples give other scores than it states.
 */
export function readReport(path: string, reference: string | null): { report: Report; notes: string[] } {
  const { record, stated } = readSealedRun(path)
  const features = referenceFor(record, reference)
  const report = scoreRecord(record, stated?.spec.scoring ?? record.spec.scoring, features, undefined, stated?.slice)
  const difference = stated && firstDifference(stated, report.scores)
  if (difference)
    throw new SpqrError(
      'RECORD_INVALID',
      `"${path}" states ${difference.name} ${difference.claimed}, and its samples give ${difference.given}.`,
      'Somebody changed the file; export the run again.',
    )
  const notes: string[] = []
  for (const name of [...AXES, 'SPQR' as const]) {
    const [claim, score] = [stated?.scores[name]?.value ?? null, report.scores[name]]
    if (claim !== null && score.value === null)
      notes.push(`"${path}" states ${name} ${claim.toFixed(3)}, which cannot be computed here: ${score.reason}`)
  }
  return { report, notes }
}
