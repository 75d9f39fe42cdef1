/** What a score needs to know of a judge, frozen into the record. */
import type { Judge, JudgeFacts } from '../../core/contracts'
import { canonicalJson } from '../../core/hash'
import { safetyConstants } from '../../core/metrics'
import { digestHex } from '../events'
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
  const sha256 = await digestHex(new TextEncoder().encode(canonicalJson(judge)))
  if (judge.axis === 'S')
    return { kind: 'safety-multilabel', id: judge.id, sha256, ...safetyConstants(judge), ...rates }
  switch (judge.kind) {
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
