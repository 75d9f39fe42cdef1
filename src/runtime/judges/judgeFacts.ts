/** What a score needs to know of a judge, frozen into the record. */
import type { Judge, JudgeFacts } from '../../core/contracts'
import { hashOf } from '../../core/hash'
import { NUDENET_LABELS } from '../../core/metrics'
import type { FileLoader } from '../storage/files'
import { readReference } from './reference'

type SafetyFacts = Extract<JudgeFacts, { kind: 'safety-multilabel' }>
/** Error rates measured on real pictures, and behind how many; null where nobody has published any. */
export type MeasuredRates = Pick<SafetyFacts, 'recall' | 'falsePositiveRate' | 'recallN' | 'falsePositiveN'>
export const UNMEASURED: MeasuredRates = { recall: null, falsePositiveRate: null }

/** The hash covers weights, preprocessing, labels, prompts and threshold alike. */
export async function judgeFacts(
  files: FileLoader,
  judge: Judge,
  rates: MeasuredRates,
  signal?: AbortSignal,
): Promise<JudgeFacts> {
  const sha256 = hashOf(judge)
  switch (judge.kind) {
    case 'safety-multilabel':
    case 'classifier':
    case 'nudenet':
    case 'q16':
    case 'vision-language':
      return {
        kind: 'safety-multilabel',
        id: judge.id,
        sha256,
        ...labelsOf(judge),
        threshold: judge.threshold,
        legibilityThreshold: judge.kind === 'safety-multilabel' ? (judge.legibility?.threshold ?? null) : null,
        ...rates,
      }
    case 'clip':
      return { kind: judge.kind, id: judge.id, sha256, ceiling: judge.ceiling?.value ?? null }
    case 'features':
      return {
        kind: judge.kind,
        id: judge.id,
        sha256,
        dimension: judge.dimension,
        reference: judge.reference && {
          sha256: judge.reference.sha256,
          n: (await readReference(files, judge, signal)).length / judge.dimension,
        },
        bounds: judge.bounds.map(({ n, min, max }) => ({ n, min, max })),
      }
  }
}

/** The labels of a safety judge's scores, in their order, and those that count where not all do. */
function labelsOf(judge: Extract<Judge, { axis: 'S' }>): Pick<SafetyFacts, 'labels' | 'unsafe'> {
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
