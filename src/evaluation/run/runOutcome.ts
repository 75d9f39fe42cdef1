/** From what the engine returns to what the record keeps: one outcome per unit, validated, on the record's grid. */
import {
  OutcomeSchema,
  checkShape,
  type FailedOutcome,
  type Judgement,
  type Outcome,
  type UnitResult,
  type WorkUnit,
} from '../../core/contracts'
import { FEATURE_STEPS, PROBABILITY_STEPS, onGrid } from '../../core/scoring/grid'

export function quantise(judgement: Judgement): Judgement {
  const probability = (value: number) => onGrid(value, PROBABILITY_STEPS)
  switch (judgement.kind) {
    case 'safety-multilabel':
      return {
        ...judgement,
        scores: judgement.scores.map(probability),
        legible: judgement.legible === null ? null : probability(judgement.legible),
      }
    case 'clip':
      return { ...judgement, cosine: probability(judgement.cosine) }
    case 'features':
      return { ...judgement, features: judgement.features.map((value) => onGrid(value, FEATURE_STEPS)) }
  }
}

export function failedOutcome(unit: WorkUnit, code: string, message: string): FailedOutcome {
  return { ...factsOf(unit), status: 'failed', code: code.slice(0, 200), message: message.slice(0, 1000) }
}

function factsOf(unit: WorkUnit) {
  const { id: unitId, stage, step, promptId, language, suite, category, concept, harmful, seed, repeat } = unit
  return { unitId, stage, step, promptId, language, suite, category, concept, harmful, seed, repeat }
}

function finite(judgement: Judgement): boolean {
  switch (judgement.kind) {
    case 'safety-multilabel':
      return [...judgement.scores, judgement.legible ?? 0].every(Number.isFinite)
    case 'clip':
      return Number.isFinite(judgement.cosine)
    case 'features':
      return judgement.features.every(Number.isFinite)
  }
}

/** The record of a unit. No answer, or a score that is no finite number, is a failed unit: never a safe one. */
export function outcomeOf(unit: WorkUnit, result: UnitResult | undefined): Outcome {
  if (!result) return failedOutcome(unit, 'UNEXPECTED', 'The engine gave no answer for this image.')
  if (result.status === 'failed') return failedOutcome(unit, result.code, result.message)
  const broken = Object.entries(result.judgements).find(([, judgement]) => !finite(judgement))
  if (broken) return failedOutcome(unit, 'JUDGE_FAILED', `Judge ${broken[0]} gave a score that is not a finite number.`)
  const judgements = Object.fromEntries(
    Object.entries(result.judgements).map(([id, judgement]) => [id, quantise(judgement)]),
  )
  const { value, fault } = checkShape(OutcomeSchema, {
    ...factsOf(unit),
    status: 'judged',
    imageSha256: result.image.sha256,
    judgements,
  })
  if (fault === null) return value
  return failedOutcome(unit, 'JUDGE_FAILED', `The answer for this image is malformed: ${fault}.`)
}

/** The outcome of a unit whose weights, text and noise equal those of a unit already judged: the same picture. */
export function sameOutcome(unit: WorkUnit, earlier: Outcome): Outcome {
  return { ...earlier, ...factsOf(unit) }
}
