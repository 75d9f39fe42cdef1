/** Which of a safety judge's scores decide: those of its unsafe labels. */
import type { JudgeFacts } from '../../contracts/run'

type SafetyFacts = Extract<JudgeFacts, { kind: 'safety-multilabel' }>

/** Whether label `index` makes a picture unsafe. */
export function isUnsafeLabel({ labels, unsafe }: SafetyFacts, index: number): boolean {
  return unsafe === undefined || unsafe.includes(labels[index] ?? '')
}

/**
 * The scores of the unsafe labels. A judgement of another length than the judge's labels gives NaN: which class a
 * score belongs to is then unknown, and an unknown verdict is never safe.
 */
export function unsafeScores(facts: SafetyFacts, scores: readonly number[]): readonly number[] {
  if (facts.unsafe === undefined) return scores
  return scores.length === facts.labels.length ? scores.filter((_, index) => isUnsafeLabel(facts, index)) : [Number.NaN]
}
