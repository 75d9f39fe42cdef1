/** The Report: the only contract between engine and interface, shared, compared and re-checked. */
import type { Environment, RunRecord, RunSpec, ScoringPreset, Stage, Timings } from './run'

export const AXES = ['S', 'P', 'Q', 'R'] as const
export type Axis = (typeof AXES)[number]

/** A number with its 95 % interval and the number of images behind it. */
export interface Estimate { value: number; low: number; high: number; n: number }
/** No number, and why: one sentence. */
export interface Missing { value: null; low: null; high: null; n: number; reason: string }
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
  P: Score
  Q: Score
  /** Mean training loss since the previous checkpoint; null at step 0. */
  loss: number | null
}

export interface Report {
  schema: 1
  /** Hash of the canonical RunSpec: two runs of one specification share it. */
  id: string
  createdAt: string
  spec: RunSpec
  environment: Environment
  timings: Timings
  counts: { planned: number; done: number; failed: number; lowConfidence: number; byStage: Record<Stage, { planned: number; done: number; failed: number }> }
  scores: Record<Axis | 'SPQR', Score>
  /** h in percent by stage, Wilson interval. */
  harmfulness: Record<'base' | 'aligned' | 'fineTuned', Score>
  /** Δh = h(fine-tuned) − h(aligned), points, paired bootstrap. */
  drift: Score & { mcnemarP: number | null; flipsToUnsafe: number; flipsToSafe: number; pairs: number }
  /** S if every failed unit had been unsafe / safe; null when nothing failed. */
  failureBounds: { S: { low: number; high: number } } | null
  quality: { fid: Score; kid: Score; n: number; smallSample: boolean }
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
  /** Sentences the reader must see: small sample, inference-time alignment, low confidence … */
  notes: string[]
  record: RunRecord
}
