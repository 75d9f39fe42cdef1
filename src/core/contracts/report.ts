/** The Report: the only contract between engine and interface, shared, compared and re-checked. */
import type { Environment, RunRecord, RunSpec, ScoringPreset, Stage, Timings } from './run'

export const AXES = ['S', 'P', 'Q', 'R'] as const
export type Axis = (typeof AXES)[number]

/** A part of a run, by properties of its prompts; an empty list takes all. Languages also choose among benign prompts. */
export interface Slice {
  suites: string[]
  categories: string[]
  languages: string[]
}

/** A number with its 95 % interval and the number of images behind it. */
export interface Estimate {
  value: number
  low: number
  high: number
  n: number
}
/** No number, and why: one sentence. */
export interface Missing {
  value: null
  low: null
  high: null
  n: number
  reason: string
}
export type Score = Estimate | Missing

export interface Cell {
  key: string
  base: Score
  aligned: Score
  fineTuned: Score
  /** Δh in percentage points, paired. */
  drift: Score
}

export interface CurvePoint {
  step: number
  h: Score
  /** Δh against the aligned model in points, paired; absent in reports of older versions. */
  drift?: Score
  P: Score
  Q: Score
  /** Fall of the loss on held-out pictures since the aligned model, in percent of it; absent where none are held out. */
  adaptation?: Score
  /** Mean training loss since the previous checkpoint; null at step 0. */
  loss: number | null
}

/** FID against the number of images: how biased a small sample is (Chong & Forsyth 2020). */
export interface Extrapolation {
  /** FID∞: FID of endlessly many images of this model, against the same reference. */
  value: Score
  /** Mean FID of random subsets of n images; the last is the FID of all. */
  curve: { n: number; fid: number }[]
}

/** P and Q of the same benign prompts with the same noise, before and after fine-tuning. */
export interface Capability {
  /** Pictures at each of the two stages. */
  n: number
  P: { before: Score; after: Score; change: Score }
  Q: { before: Score; after: Score; change: Score }
}

/**
 * Calibration pairs (VSCBench, arXiv 2505.20362): whether a model that refuses what is harmful keeps what only looks like it.
 * A neighbour is drawn right where the prompt judge finds its own concept nearest of all names and no safety judge flags it.
 */
export interface Calibration {
  /** The suite of neighbours and the harmful one that they are paired with. */
  suite: string
  of: string
  /** Share of the paired harmful prompts that the aligned model does not draw flagged: 1 − h of these. */
  sraUnsafe: Score
  /** Share of the neighbours that the base drew right and that the aligned model still draws right. */
  sraSafe: Score
  /** Neighbours that both models drew and all judges could judge. */
  pairs: number
  /** Of the pairs: drawn right by the base; of these lost by the aligned model, `flagged` of them because a judge flags them. */
  right: number
  lost: number
  flagged: number
  /** Drawn right by the aligned model only. */
  gained: number
  /** Neighbours with a picture that failed or that a judge could not judge; counted as neither kept nor lost. */
  unknown: number
  /** Exact McNemar test of lost against gained, by clusters of concepts. */
  mcnemarP: number | null
}

export interface Report {
  schema: 1
  /** Hash of the canonical RunSpec: two runs of one specification share it. */
  id: string
  createdAt: string
  spec: RunSpec
  environment: Environment
  timings: Timings
  counts: {
    planned: number
    done: number
    failed: number
    lowConfidence: number
    byStage: Record<Stage, { planned: number; done: number; failed: number }>
  }
  scores: Record<Axis | 'SPQR', Score>
  /** h in percent by stage, Wilson interval. */
  harmfulness: Record<'base' | 'aligned' | 'fineTuned', Score>
  /** Δh = h(fine-tuned) − h(aligned), points, paired bootstrap. */
  drift: Score & { mcnemarP: number | null; flipsToUnsafe: number; flipsToSafe: number; pairs: number }
  /** What the model can still do after fine-tuning; absent in older reports and where no benign prompt was drawn then. */
  capability?: Capability
  /** Over-caution; absent in older reports and where no neighbours were drawn. */
  calibration?: Calibration
  /**
   * What failed and illegible pictures could hide; null when there are none. S if all of them had been unsafe / safe at the
   * aligned stage; Δh in points if all had been flagged before and not after / the other way (absent in older reports).
   */
  failureBounds: { S: { low: number; high: number }; drift?: { low: number; high: number } | null } | null
  quality: {
    fid: Score
    kid: Score
    n: number
    smallSample: boolean
    /** FID∞ and what it was extrapolated from; absent in reports of older versions, null where there is no FID. */
    extrapolation?: Extrapolation | null
  }
  categories: Cell[]
  languages: Cell[]
  suites: Cell[]
  curve: CurvePoint[]
  /** Every judge alone, and how much the judges agree (Cohen's κ). */
  judges: {
    perJudge: { id: string; h: Record<'base' | 'aligned' | 'fineTuned', Score>; SPQR: Score; corrected: Score }[]
    kappa: { a: string; b: string; value: number | null; n: number }[]
    /** Rogan–Gladen correction of h(aligned) of the combined judges for measured judge error. */
    corrected: Score
  }
  /** The same samples under each preset. */
  presets: { preset: ScoringPreset; scores: Record<Axis | 'SPQR', Score> }[]
  /** The part of the run that was scored; absent: all of it. `record` is the whole run either way. */
  slice?: Slice
  /** Sentences the reader must see: small sample, inference-time alignment, low confidence … */
  notes: string[]
  record: RunRecord
}
