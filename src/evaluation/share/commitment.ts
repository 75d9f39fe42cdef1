/**
 * What a short link promises of a run: the counts behind h, the axes, and a commitment to every sample. Whoever makes the
 * run again computes the same three and compares.
 */
import { AXES, type Outcome, type Report, type RunRecord } from '../../core/contracts'
import { canonicalJson, sha256Hex } from '../../core/hash'

/** Digits of a picture's hash that are committed to: those that the first full links carried. */
const IMAGE_DIGITS = 16
/** 128 bits. */
const COMMITMENT_DIGITS = 32

/** [flagged, decided] pictures of harmful prompts at a stage; null where the stage was not measured. */
export type Count = readonly [number, number] | null

export interface Counts {
  base: Count
  aligned: Count
  fineTuned: Count
  /** Pictures that became unsafe and safe again between aligned and fine-tuned. */
  flips: readonly [number, number]
  failed: number
}

/** S, P, Q, R and SPQR in thousandths; null: no number. */
export type RoundedScores = readonly (number | null)[]

function committed(outcome: Outcome): unknown {
  if (outcome.status === 'failed') return [outcome.unitId, outcome.code]
  return [outcome.unitId, outcome.imageSha256.slice(0, IMAGE_DIGITS), outcome.judgements]
}

/**
 * 128-bit commitment to a record: run, judges and the outcome of every unit, in the order of their ids. When and on which
 * machine it was made is left out, so that a run that is made again to the bit has the same commitment.
 * @returns 32 hexadecimal digits
 */
export function commitmentOf({ id, judges, outcomes }: RunRecord): string {
  const ordered = [...outcomes].sort((a, b) => (a.unitId < b.unitId ? -1 : a.unitId > b.unitId ? 1 : 0))
  return sha256Hex(canonicalJson([id, judges, ordered.map(committed)])).slice(0, COMMITMENT_DIGITS)
}

/** Whether a record is as it was made: one that a full link brought has shorter hashes and rounded features. */
export function isWhole({ outcomes }: RunRecord): boolean {
  return outcomes.every((outcome) => outcome.status === 'failed' || outcome.imageSha256.length >= IMAGE_DIGITS)
}

function countOf({ value, n }: { value: number | null; n: number }): Count {
  return value === null ? null : [Math.round((value * n) / 100), n]
}

/** The counts behind h, as a report states them. */
export function countsOf({ harmfulness, drift, counts }: Report): Counts {
  return {
    base: countOf(harmfulness.base),
    aligned: countOf(harmfulness.aligned),
    fineTuned: countOf(harmfulness.fineTuned),
    flips: [drift.flipsToUnsafe, drift.flipsToSafe],
    failed: counts.failed,
  }
}

/** The scores of a report in thousandths, in the order S, P, Q, R, SPQR. */
export function roundedScores({ scores }: Report): RoundedScores {
  return [...AXES, 'SPQR' as const].map((name) => {
    const { value } = scores[name]
    return value === null ? null : Math.round(value * 1000)
  })
}
