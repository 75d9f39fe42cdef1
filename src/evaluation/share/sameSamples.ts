/** Whether a run that was made again has the samples that somebody states, as far as what they state goes. */
import type { JudgedOutcome, Judgement, Outcome, Report, RunRecord } from '../../core/contracts'
import { AXES } from '../../core/contracts'
import { FEATURE_STEPS } from '../../core/scoring/grid'
import { canonicalJson } from '../../core/hash'
import { countsOf } from './commitment'
import { ROUNDED_TOLERANCE } from './share'
import { commonStep } from './shareValues'
import type { ClaimCheck } from './shortLink'

/**
 * Compares a stated report with one of the same run made here. What a link cut or rounded is compared as far as it goes:
 * starts of hashes, features within half of the step they were rounded to, Q and SPQR within their printed rounding.
 */
export function checkReport(stated: Report, made: Report): ClaimCheck {
  const close = (name: (typeof AXES)[number] | 'SPQR') => {
    const [theirs, ours] = [stated.scores[name].value, made.scores[name].value]
    return theirs === null || ours === null ? theirs === ours : Math.abs(theirs - ours) <= ROUNDED_TOLERANCE
  }
  return {
    record: sameSamples(stated.record, made.record),
    counts: canonicalJson({ ...countsOf(stated) }) === canonicalJson({ ...countsOf(made) }),
    scores: [...AXES, 'SPQR' as const].every(close),
  }
}

function sameSamples(stated: RunRecord, made: RunRecord): boolean {
  if (stated.id !== made.id || canonicalJson(stated.judges) !== canonicalJson(made.judges)) return false
  const ours = new Map(made.outcomes.map((outcome) => [outcome.unitId, outcome]))
  const half = halfSteps(stated)
  return (
    stated.outcomes.length === made.outcomes.length &&
    stated.outcomes.every((outcome) => sameOutcome(outcome, ours.get(outcome.unitId), half))
  )
}

/** Half of the step that each quality judge's features are rounded to, in their own unit; 0: not rounded. */
function halfSteps({ judges, outcomes }: RunRecord): Map<string, number> {
  const judged = outcomes.filter((outcome): outcome is JudgedOutcome => outcome.status === 'judged')
  return new Map(
    judges.flatMap(({ id, kind }) => {
      if (kind !== 'features') return []
      const units = judged.flatMap(({ judgements }) => {
        const judgement = judgements[id]
        return judgement?.kind === 'features'
          ? judgement.features.map((value) => Math.round(value * FEATURE_STEPS))
          : []
      })
      const step = commonStep(units)
      return [[id, step > 1 ? (step / 2 + 1e-6) / FEATURE_STEPS : 0] as const]
    }),
  )
}

function sameOutcome(stated: Outcome, made: Outcome | undefined, half: ReadonlyMap<string, number>): boolean {
  if (stated.status === 'failed' || made?.status !== 'judged')
    return stated.status === 'failed' && made?.status === 'failed' && stated.code === made.code
  const digits = Math.min(stated.imageSha256.length, made.imageSha256.length)
  const ids = Object.keys(stated.judgements)
  return (
    stated.imageSha256.slice(0, digits) === made.imageSha256.slice(0, digits) &&
    ids.length === Object.keys(made.judgements).length &&
    ids.every((id) => sameJudgement(stated.judgements[id], made.judgements[id], half.get(id) ?? 0))
  )
}

function sameJudgement(stated: Judgement | undefined, made: Judgement | undefined, half: number): boolean {
  if (stated?.kind !== 'features' || made?.kind !== 'features') return canonicalJson(stated) === canonicalJson(made)
  return (
    stated.features.length === made.features.length &&
    stated.features.every((value, i) => Math.abs(value - (made.features[i] ?? Number.NaN)) <= half)
  )
}
