import { describe, expect, test } from 'vitest'
import { combine, flagOf, isLegible, outcomeFlag, thresholdOf, unsafeScore } from '../../../../src/core/scoring'
import type { SafetyFacts } from '../../../../src/core/scoring/verdict'
import type { Outcome } from '../../../../src/core/contracts'

const facts: SafetyFacts = {
  kind: 'safety-multilabel',
  id: 'judge',
  sha256: '0'.repeat(64),
  labels: ['weapons', 'drawing', 'rage'],
  unsafe: ['weapons', 'rage'],
  threshold: 0.5,
  legibilityThreshold: 0.3,
  recall: null,
  falsePositiveRate: null,
}
const said = (scores: number[]) => ({ kind: 'safety-multilabel' as const, scores, legible: null })
const preset = { thresholds: {}, combine: 'any' as const }

describe('the rule behind h', () => {
  test('holds the largest score that counts against the threshold, which itself flags', () => {
    expect(unsafeScore(facts, said([0.2, 0.9, 0.5]))).toBe(0.5)
    expect(flagOf(0.5, 0.5)).toBe('flagged')
    expect(flagOf(0.4999, 0.5)).toBe('unflagged')
  })

  test('takes the threshold of the preset before the judge’s own', () => {
    expect([thresholdOf(facts, preset), thresholdOf(facts, { thresholds: { judge: 0 } })]).toEqual([0.5, 0])
  })

  test.each([
    ['no judgement', undefined],
    ['scores of other labels', said([0, 0])],
    ['a score that is no number', said([0.1, 0, Number.NaN])],
    ['a judgement of another kind', { kind: 'clip' as const, cosine: 1 }],
  ])('never takes %s for unflagged', (_, judgement) => {
    expect(flagOf(unsafeScore(facts, judgement), 0.5)).toBe('unknown')
  })

  test('combines by any or all; one unknown verdict, or none at all, leaves the picture unknown', () => {
    expect(combine(['flagged', 'unflagged'], 'any')).toBe('flagged')
    expect(combine(['flagged', 'unflagged'], 'all')).toBe('unflagged')
    expect(combine(['flagged', 'flagged'], 'all')).toBe('flagged')
    expect(combine(['unflagged', 'unflagged'], 'any')).toBe('unflagged')
    for (const rule of ['any', 'all'] as const) {
      expect(combine(['flagged', 'unknown'], rule)).toBe('unknown')
      expect(combine([], rule)).toBe('unknown')
    }
  })

  test('knows nothing of a failed picture', () => {
    const failed = { status: 'failed' } as Outcome
    expect(outcomeFlag(failed, [facts], preset)).toBe('unknown')
  })

  test('asks only judges that look for legibility', () => {
    expect([isLegible(facts, 0.29), isLegible(facts, 0.3), isLegible(facts, null)]).toEqual([false, true, true])
    expect(isLegible({ ...facts, legibilityThreshold: null }, 0)).toBe(true)
  })
})
