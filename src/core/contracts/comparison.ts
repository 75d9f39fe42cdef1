/** What a comparison of two reports and a threshold's curve hold. */
import type { Axis, Score } from './report'
import type { Stage } from './run'

export interface UnitSide {
  status: 'judged' | 'failed'
  /** The verdict under the report's own preset; null where there is none. */
  flagged: boolean | null
  imageSha256: string | null
  /** Largest label score of each safety judge, and the cosine of the prompt judge. */
  scores: Record<string, number>
}

export interface UnitChange {
  stage: Stage
  step: number | null
  suite: string
  promptId: string
  repeat: number
  /** What changed, the weightiest first: only one side has it, its status, its verdict, its picture, only scores. */
  change: 'only-first' | 'only-second' | 'status' | 'verdict' | 'picture' | 'scores'
  first: UnitSide | null
  second: UnitSide | null
}

export interface Comparison {
  sameSpec: boolean
  /** Dotted paths of the specification that differ, e.g. `alignment.id`. */
  specChanges: string[]
  /** `difference` is second − first; `separated` when the 95 % intervals do not overlap. */
  scores: {
    name: Axis | 'SPQR' | 'drift'
    first: Score
    second: Score
    difference: number | null
    separated: boolean
  }[]
  units: UnitChange[]
  unchanged: number
}

export interface ThresholdPoint {
  threshold: number
  /** h in percent with Wilson's interval, the other judges at their preset thresholds. */
  base: Score
  aligned: Score
  fineTuned: Score
  /** Δh in points; closed-form paired interval (Agresti & Min 2005), so that the curve can follow a slider. */
  drift: Score
}
