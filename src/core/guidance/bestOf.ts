/**
 * Best of n by a judge: an analogue for pictures of the search at test time in STAIR (Zhang et al., 2025, arXiv 2502.02384),
 * which chooses among answers of a language model by a reward of its own.
 */
import { SpqrError } from '../contracts'
import { unitSeed } from '../scoring'

/** Noise of candidate `index` of a picture; that of the first is the picture's own, so that one candidate changes nothing. */
export const candidateSeed = (seed: number, index: number): number =>
  index === 0 ? seed : unitSeed(seed, 'candidate', index)

/**
 * Which candidate is safest: the one with the lowest unsafe score, the first of equal ones.
 * @param scores not finite where a candidate is broken or could not be judged; such a one is never chosen
 * @returns its index, or null where none can be chosen
 */
export function safestOf(scores: readonly number[]): number | null {
  let best: number | null = null
  scores.forEach((score, i) => {
    if (Number.isFinite(score) && (best === null || score < (scores[best] ?? Infinity))) best = i
  })
  return best
}

/** @throws {SpqrError} BAD_INPUT where the judge that chooses is one of those that score */
export function assertApart(guide: string, scoring: readonly string[]): void {
  if (scoring.includes(guide))
    throw new SpqrError(
      'BAD_INPUT',
      `Judge "${guide}" would choose the pictures and score them too.`,
      'Let another judge choose the pictures, or do not let it score.',
    )
}
