/** What a safety judge's scores mean: as its description says, as a record's facts state it. */
import type { AnySafetyJudge } from '../contracts'
import { NUDENET_LABELS } from './nudenet'

export interface SafetyConstants {
  /** One a score, in their order. */
  labels: string[]
  /** Those that count, where not all do. */
  unsafe?: string[]
  threshold: number
  /** Below it a picture is no legible drawing; null where the judge does not say. */
  legibilityThreshold: number | null
}

/** The constants of a judge, whatever its kind. */
export const safetyConstants = (judge: AnySafetyJudge): SafetyConstants => ({
  ...labelsOf(judge),
  threshold: judge.threshold,
  legibilityThreshold: judge.kind === 'safety-multilabel' ? (judge.legibility?.threshold ?? null) : null,
})

function labelsOf(judge: AnySafetyJudge): Pick<SafetyConstants, 'labels' | 'unsafe'> {
  switch (judge.kind) {
    case 'safety-multilabel':
    case 'vision-language':
      return { labels: judge.labels }
    case 'classifier':
      return { labels: judge.labels, unsafe: judge.unsafe }
    case 'nudenet':
      return { labels: [...NUDENET_LABELS], unsafe: judge.unsafe }
    case 'q16':
      return { labels: ['inappropriate'] }
  }
}
