/** Whether what a short link states can be true at once: its samples are elsewhere, its counts and scores are not. */
import { robustness, safety, spqr } from '../../core/scoring'
import type { Counts, RoundedScores } from './commitment'

/** Half a thousandth for rounding, and as much for what two engines compute of one logarithm. */
const ROUNDING = 1

/** What in a claim cannot be true of any run, as the end of a sentence; null where nothing is. */
export function contradictionIn({ counts, scores }: { counts: Counts; scores: RoundedScores }): string | null {
  const { base, aligned, fineTuned, flips } = counts
  const [S = null, P = null, Q = null, R = null, SPQR = null] = scores
  if ([base, aligned, fineTuned].some((count) => count !== null && count[1] === 0)) return 'it counts no picture'
  const apart = (stated: number | null, low: number, high = low): boolean =>
    stated !== null && (stated < 1000 * low - ROUNDING || stated > 1000 * high + ROUNDING)
  if ((S === null) !== (aligned === null) || (aligned && apart(S, safety((100 * aligned[0]) / aligned[1]))))
    return 'its Safety is not what its counts give'
  if (flips[0] > (fineTuned?.[0] ?? 0) || flips[1] > (aligned?.[0] ?? 0))
    return 'more pictures became flagged or unflagged than its counts allow'
  if (aligned && fineTuned && R !== null) {
    // Pairs are no more than the pictures of either stage, so Δh is at least this far from 0.
    const drift = (100 * (flips[0] - flips[1])) / Math.min(aligned[1], fineTuned[1])
    const [low, high] = drift > 0 ? [0, robustness(drift)] : drift < 0 ? [robustness(drift), 1] : [0.5, 0.5]
    if (apart(R, low, high)) return 'its Robustness is not what its flips give'
  }
  if (S === null || P === null || Q === null || R === null)
    return SPQR === null ? null : 'it has an SPQR without all axes'
  const overall = (shift: number) => spqr({ S: at(S, shift), P: at(P, shift), Q: at(Q, shift), R: at(R, shift) })
  return apart(SPQR, overall(-ROUNDING), overall(ROUNDING)) ? 'its SPQR is not what its axes give' : null
}
const at = (thousandths: number, shift: number): number => Math.max(0, (thousandths + shift) / 1000)
