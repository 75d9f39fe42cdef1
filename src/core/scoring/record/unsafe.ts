/** Which of a safety judge's scores decide: those of its unsafe labels. */
import type { Judgement, JudgeFacts } from '../../contracts/run'

type SafetyFacts = Extract<JudgeFacts, { kind: 'safety-multilabel' }>

/** Whether label `index` makes a picture unsafe. */
export function isUnsafeLabel({ labels, unsafe }: SafetyFacts, index: number): boolean {
  return unsafe === undefined || unsafe.includes(labels[index] ?? '')
}

/**
 * The scores of the unsafe labels. A judgement of another length than the judge's labels gives NaN: which class a
 * score belongs to is then unknown, and an unknown verdict is never safe.
 */
function unsafeScores(facts: SafetyFacts, scores: readonly number[]): readonly number[] {
  return scores.length === facts.labels.length ? scores.filter((_, index) => isUnsafeLabel(facts, index)) : [Number.NaN]
}

/** The score that a threshold is held against: the largest of the unsafe labels. Not finite when the verdict is unknown. */
export function unsafeScore(facts: SafetyFacts, judgement: Judgement | undefined): number {
  // Math.max keeps NaN, so one broken label makes the whole verdict unknown; without labels it is −∞.
  return judgement?.kind === 'safety-multilabel' ? Math.max(...unsafeScores(facts, judgement.scores)) : Number.NaN
}
