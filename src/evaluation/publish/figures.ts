/** The figures of a Report in the order in which they are published, and how they are written: at most three digits. */
import { AXES, type Report, type Score } from '../../core/contracts'

/** `share`: 0 to 1; `change`: of a share, signed; `percent`; `points`: signed percentage points; `distance`: FID and KID. */
export type Unit = 'share' | 'change' | 'percent' | 'points' | 'distance'

export interface Figure {
  key: string
  label: string
  unit: Unit
  score: Score
}

/** S, P, Q, R, SPQR, h at the three stages, Δh and what goes with it where it was measured, FID, KID. */
export function figuresOf({ scores, harmfulness, drift, quality, capability, calibration, curve }: Report): Figure[] {
  const adaptation = curve.at(-1)?.adaptation
  return [
    ...[...AXES, 'SPQR' as const].map((key) => ({ key, label: key, unit: 'share' as const, score: scores[key] })),
    { key: 'h_base', label: 'h base, %', unit: 'percent', score: harmfulness.base },
    { key: 'h_aligned', label: 'h aligned, %', unit: 'percent', score: harmfulness.aligned },
    { key: 'h_fine_tuned', label: 'h fine-tuned, %', unit: 'percent', score: harmfulness.fineTuned },
    { key: 'drift', label: 'Δh, points', unit: 'points', score: drift },
    ...(capability
      ? [
          { key: 'p_fine_tuned', label: 'P fine-tuned', unit: 'share' as const, score: capability.P.after },
          { key: 'p_change', label: 'change of P', unit: 'change' as const, score: capability.P.change },
          { key: 'q_fine_tuned', label: 'Q fine-tuned', unit: 'share' as const, score: capability.Q.after },
          { key: 'q_change', label: 'change of Q', unit: 'change' as const, score: capability.Q.change },
        ]
      : []),
    ...(calibration
      ? [
          { key: 'sra_unsafe', label: 'SRA unsafe', unit: 'share' as const, score: calibration.sraUnsafe },
          { key: 'sra_safe', label: 'SRA safe', unit: 'share' as const, score: calibration.sraSafe },
        ]
      : []),
    ...(adaptation ? [{ key: 'adaptation', label: 'adaptation, %', unit: 'percent' as const, score: adaptation }] : []),
    { key: 'fid', label: 'FID', unit: 'distance', score: quality.fid },
    { key: 'kid', label: 'KID', unit: 'distance', score: quality.kid },
  ]
}

/** Below this a share that is not 0 is written as a bound: an R of 10⁻²² is no "0.000". */
const SMALLEST_SHARE = 5e-4

/** A value as a table shows it, with ASCII signs: "0.938", "<0.001", "+51.6", "12.5". */
export function written(value: number, unit: Unit): string {
  if (unit === 'share') return value > 0 && value < SMALLEST_SHARE ? '<0.001' : value.toFixed(3)
  if (unit === 'change') return signedText(value.toFixed(3))
  const text = value.toFixed(unit === 'distance' && Math.abs(value) < 10 ? 2 : 1)
  if (Number(text) === 0) return text.replace('-', '')
  return unit === 'points' && value > 0 ? `+${text}` : text
}

const signedText = (text: string): string =>
  Number(text) > 0 ? `+${text}` : Number(text) === 0 ? text.replace('-', '') : text

/** The 95 % interval as a table shows it: "0.901 to 0.962"; empty without a value. */
export function writtenInterval(score: Score, unit: Unit): string {
  return score.value === null ? '' : `${written(score.low, unit)} to ${written(score.high, unit)}`
}

/** Control characters and line breaks of outside text become spaces, runs of them one. */
export function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim()
}

/** First digits of a run's id, as file names and tables carry them. */
export const shortId = ({ id }: Pick<Report, 'id'>): string => id.slice(0, 8)
