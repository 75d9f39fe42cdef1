/** Best of n: how many pictures are drawn for one, which judge chooses, and which are left to score. */
import { SpqrError, type AlignmentSpec, type InferenceAlignment, type PackManifest } from '../../core/contracts'
import { assertApart } from '../../core/guidance'
import { CANDIDATES } from '../../core/methods'
import type { RunParameters } from './params'

type Chosen = Pick<RunParameters, 'candidates' | 'guide-judge' | 'judges'>
type Judges = PackManifest['judges']

/**
 * The judge that chooses, by default the first safety judge that was not asked to score.
 * @throws {SpqrError} BAD_INPUT for one that does not exist, one that scores, and where none is left to score
 */
export function resolveBestOf(
  { candidates, judges: scoring, 'guide-judge': wanted }: Chosen,
  judges: Judges,
): Pick<InferenceAlignment, 'candidates' | 'guidedBy'> {
  const safety = judges.filter(({ axis }) => axis === 'S').map(({ id }) => id)
  const guide = wanted === '' ? safety.find((id) => !scoring.includes(id)) : wanted
  if (guide !== undefined && !safety.includes(guide))
    throw new SpqrError(
      'BAD_INPUT',
      `There is no safety judge "${guide}" to choose pictures by.`,
      `Choose from ${safety.join(', ') || 'none'}.`,
    )
  if (guide !== undefined) assertApart(guide, scoring)
  const left = safety.filter((id) => id !== guide && (scoring.length === 0 || scoring.includes(id)))
  if (guide === undefined || left.length === 0)
    throw new SpqrError(
      'BAD_INPUT',
      'Best of n needs two safety judges: one that chooses the pictures and another that scores them.',
      'Add a safety judge, or take another method.',
    )
  return { candidates: candidates ?? CANDIDATES.usual, guidedBy: guide }
}

/** The judges that score a run: the chosen ones, or all but the one that chooses its pictures. */
export function scoringJudges(
  chosen: readonly string[],
  known: readonly string[],
  alignment: AlignmentSpec | null,
): string[] {
  const guide = alignment?.kind === 'inference' ? alignment.guidedBy : undefined
  return known.filter((id) => (chosen.length === 0 ? id !== guide : chosen.includes(id)))
}
