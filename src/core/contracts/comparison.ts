/** What a comparison of two reports and a threshold's curve hold. */
import type { Axis, Score } from './report'
import type { Stage } from './run'

export interface UnitSide {
  unitId: string
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

/** Axes, SPQR, Δh in points, and h after fine-tuning in percent. */
export type ComparedName = Axis | 'SPQR' | 'drift' | 'fineTuned'

/** One score of two runs. */
export interface ScoreDifference {
  name: ComparedName
  /** Each run's own score, on all of its pictures. */
  first: Score
  second: Score
  /** second − first with its 95 % interval; `n`: pairs of pictures, or the pictures of both runs where they are unpaired. */
  difference: Score
  /** Whether the difference is of the same prompts with the same noise; null where there is no difference. */
  method: 'paired' | 'unpaired' | null
  /**
   * Two-sided p of "no difference". Of verdicts (S, R, Δh, h) exact: McNemar's test, by clusters of prompts where pictures
   * depend on each other. Of P, Q and SPQR from the paired bootstrap. Null where the runs are unpaired.
   */
  p: number | null
  /** Of verdicts at one stage: pairs that only the second run, and only the first run, has flagged. */
  flips: { onlySecond: number; onlyFirst: number } | null
  /** Why a difference would not speak of the models, as a sentence: other judges or constants. Null: one ruler. */
  ruler: string | null
}

/** A run with a mitigation against a plain one, where plain fine-tuning had learned as much. */
export interface EqualAdaptation {
  /** Which of the two runs has the mitigation. */
  mitigated: 'first' | 'second'
  /** What the mitigated run learned, in percent of the most that the plain run had, at any checkpoint. */
  learned: Score
  /** h of the mitigated run minus h of the plain one at equal adaptation, points, on the same prompts and noise. */
  difference: Score
  /** Of "no difference", exact, by prompt or concept; null where there is no test. */
  p: number | null
  /** Checkpoints of the plain run between which its h is read; null without a test. */
  steps: [number, number] | null
  /** The mitigated run learned more than the plain one ever did, and is held against its furthest checkpoint. */
  beyond: boolean
  /** `keeps`, `loses`: shown by test and interval. */
  finding: 'keeps' | 'loses' | 'not-shown'
}

export interface Comparison {
  sameSpec: boolean
  /** Dotted paths of the specification that differ, e.g. `alignment.id`. */
  specChanges: string[]
  scores: ScoreDifference[]
  /** Null unless one of the runs has a mitigation and the other was fine-tuned plainly. */
  adaptation: EqualAdaptation | null
  /** Pictures that both runs planned for the same prompt and noise, and of how many in all. */
  shared: { pairs: number; first: number; second: number }
  /** What a reader must know before the difference is read, such as different samplers. */
  cautions: string[]
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
