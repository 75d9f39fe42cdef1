/** Two runs on the same prompts with the same noise: what pairing shows that overlapping intervals hide. */
import { describe, expect, test } from 'vitest'
import type { ComparedName, Comparison, Outcome, RunRecord, ScoreDifference } from '../../../../src/core/contracts'
import { compareReports, scoreRecord, SCORING_PRESETS, toldApart } from '../../../../src/core/scoring'
import { bootstrapP, independentDifference, mcnemarExact } from '../../../../src/core/statistics'
import { syntheticRecord, syntheticReference, toFailed } from './records'

const base = syntheticRecord({ harmful: 64, benign: 64, suites: ['harmful-direct'] })
const reference = syntheticReference()
const report = (record: RunRecord) => scoreRecord(record, SCORING_PRESETS.paper, reference, 200)
const compared = (first: RunRecord, second: RunRecord): Comparison =>
  compareReports(report(first), report(second), [reference, reference], 1000)
const of = (comparison: Comparison, name: ComparedName): ScoreDifference => {
  const found = comparison.scores.find((score) => score.name === name)
  if (!found) throw new Error(name)
  return found
}

/** The record with the prompts in `flagged` flagged at a stage, and no other. */
function flaggedAt(record: RunRecord, stage: Outcome['stage'], flagged: (prompt: number) => boolean): RunRecord {
  const outcomes = record.outcomes.map((outcome): Outcome => {
    if (outcome.status !== 'judged' || !outcome.harmful || outcome.stage !== stage) return outcome
    const high = flagged(Number(outcome.promptId.slice(1))) ? 0.9 : 0.1
    const judgements: typeof outcome.judgements = {
      alpha: { kind: 'safety-multilabel', scores: [high, 0.01], legible: 0.9 },
      beta: { kind: 'safety-multilabel', scores: [high], legible: null },
    }
    return { ...outcome, judgements }
  })
  return { ...record, outcomes }
}
/** As if its prompt had another text: the id of a picture hashes it. */
const otherText = (outcome: Outcome): Outcome =>
  outcome.harmful
    ? { ...outcome, unitId: outcome.unitId.replace(/^./, (digit) => (digit === 'f' ? '0' : 'f')) }
    : outcome
const other = (record: RunRecord, id = 'abcdef01'): RunRecord => ({ ...record, id })

describe('Safety 0.91 against 0.75 on the same 64 prompts', () => {
  // 3 prompts are flagged in both, 3 only in the first, 13 only in the second: 6 and 16 of 64.
  const first = flaggedAt(base, 'aligned', (prompt) => prompt < 6)
  const second = other(flaggedAt(base, 'aligned', (prompt) => prompt < 3 || (prompt >= 10 && prompt < 23)))
  const S = of(compared(first, second), 'S')

  test('is no tie though the intervals overlap: McNemar’s p is 0.021', () => {
    expect([S.first.value, S.second.value]).toEqual([58 / 64, 48 / 64])
    expect((S.second.high ?? 0) > (S.first.low ?? 1)).toBe(true)
    expect(S.method).toBe('paired')
    expect(S.flips).toEqual({ onlySecond: 13, onlyFirst: 3 })
    expect(S.p).toBeCloseTo(0.02127, 5)
    expect(S.p).toBe(mcnemarExact(13, 3))
    expect(toldApart(S)).toBe(true)
  })
  test('has an interval of the difference that leaves out 0', () => {
    expect(S.difference.value).toBeCloseTo(-10 / 64, 12)
    expect(S.difference.n).toBe(64)
    expect(S.difference.high).toBeLessThan(0)
    // Wald's paired interval after Agresti & Min is −0.275 to −0.028; the smoothed bootstrap is near it.
    expect(S.difference.low).toBeCloseTo(-0.275, 1)
  })
  test('is the same in the other order, with the other sign', () => {
    const back = of(compared(second, first), 'S')
    expect(back.difference.value).toBeCloseTo(10 / 64, 12)
    expect(back.p).toBe(S.p)
    expect(back.flips).toEqual({ onlySecond: 3, onlyFirst: 13 })
  })
  test('is not told apart once it is one of ten pairs', () => {
    expect(toldApart(S, Math.min(1, 10 * (S.p ?? 1)))).toBe(false)
  })
  test('without a prompt of the same noise it is compared as independent samples, and says so', () => {
    const reseeded = { ...second, outcomes: second.outcomes.map((outcome) => ({ ...outcome, seed: outcome.seed + 7 })) }
    const comparison = compared(first, reseeded)
    expect(comparison.shared.pairs).toBe(0)
    const unpaired = of(comparison, 'S')
    expect(unpaired).toMatchObject({ method: 'unpaired', p: null, flips: null })
    const { first: a, second: b, difference } = unpaired
    if (a.value === null || b.value === null) throw new Error('no score')
    expect(difference).toMatchObject(independentDifference(a, b))
  })
})

describe('what is paired', () => {
  const second = other(flaggedAt(base, 'fine-tuned', (prompt) => prompt % 2 === 0))
  test('failed pictures of either side leave their pairs, and are counted nowhere as safe', () => {
    const failing = {
      ...second,
      outcomes: second.outcomes.map((outcome) =>
        outcome.status === 'judged' && outcome.harmful && ['h1', 'h2', 'h3'].includes(outcome.promptId)
          ? toFailed(outcome)
          : outcome,
      ),
    }
    expect(of(compared(base, failing), 'S').difference.n).toBe(61)
    expect(of(compared(base, failing), 'drift').difference.n).toBe(61)
  })
  test('Δh of two runs is compared prompt by prompt, and R with it', () => {
    const comparison = compared(base, second)
    const drift = of(comparison, 'drift')
    const [a, b] = [report(base).drift.value ?? 0, report(second).drift.value ?? 0]
    expect(drift.difference.value).toBeCloseTo(b - a, 10)
    expect(drift.p).toBeLessThan(0.05)
    expect(of(comparison, 'R').p).toBe(drift.p)
    // Both have the same aligned pictures: h after fine-tuning differs by as much.
    expect(of(comparison, 'fineTuned').difference.value).toBeCloseTo(b - a, 10)
    expect(of(comparison, 'S').difference.value).toBe(0)
  })
  test('P and Q move with their own pictures, and the pairing cancels what prompts have in common', () => {
    const shifted = other({
      ...base,
      outcomes: base.outcomes.map((outcome): Outcome => {
        if (outcome.status !== 'judged' || outcome.harmful || outcome.stage !== 'aligned') return outcome
        const { clip } = outcome.judgements
        if (clip?.kind !== 'clip') return outcome
        return { ...outcome, judgements: { ...outcome.judgements, clip: { ...clip, cosine: clip.cosine - 0.006 } } }
      }),
    })
    const comparison = compared(base, shifted)
    const P = of(comparison, 'P')
    const { first, second: lower } = P
    if (first.value === null || lower.value === null) throw new Error('no P')
    // Their own intervals overlap; every prompt is worse by the same amount, so the paired one is narrow.
    expect(lower.high).toBeGreaterThan(first.low)
    expect(P.difference.value).toBeCloseTo(-0.006 / 0.3, 6)
    expect((P.difference.high ?? 0) - (P.difference.low ?? 0)).toBeLessThan((first.high - first.low) / 10)
    expect(toldApart(P)).toBe(true)
    const Q = of(comparison, 'Q')
    expect(Q).toMatchObject({ method: 'paired', p: 1 })
    expect(Q.difference.value).toBe(0)
    expect(of(comparison, 'SPQR').difference.value).toBeLessThan(0)
  })
  test('repeats of a prompt are one cluster of the test', () => {
    const repeated = syntheticRecord({ harmful: 24, benign: 8, repeats: 3, suites: ['s'] })
    const worse = other(flaggedAt(repeated, 'aligned', (prompt) => prompt < 6))
    const better = flaggedAt(repeated, 'aligned', () => false)
    const S = of(compared(better, worse), 'S')
    expect(S.flips).toEqual({ onlySecond: 18, onlyFirst: 0 })
    // 6 prompts flipped, not 18 independent pictures.
    expect(S.p).toBeCloseTo(2 / 2 ** 6, 12)
  })
  test('a longer run of the same suite is compared on the prompts that both have', () => {
    const short = {
      ...base,
      spec: {
        ...base.spec,
        prompts: { ...base.spec.prompts, harmful: [{ suite: 'harmful-direct', count: 32, sha256: 'ffffffff' }] },
      },
      outcomes: base.outcomes.filter(({ harmful, promptId }) => !harmful || Number(promptId.slice(1)) < 32),
    }
    expect(of(compared(short, second), 'S').difference.n).toBe(32)
    // The same number of prompts of another hash are other prompts.
    const strangers = {
      ...second,
      spec: {
        ...second.spec,
        prompts: { ...second.spec.prompts, harmful: [{ suite: 'harmful-direct', count: 64, sha256: 'ffffffff' }] },
      },
    }
    const renamed = { ...strangers, outcomes: strangers.outcomes.map(otherText) }
    expect(of(compared(base, renamed), 'S').method).toBe('unpaired')
    expect(of(compared(base, renamed), 'P').method).toBe('paired')
    // So are those of a shorter file of the same name: the ids of the base's pictures differ with the text.
    const short2 = { ...short, outcomes: short.outcomes.map(otherText) }
    expect(of(compared(short2, second), 'S').method).toBe('unpaired')
  })
  test('a file of several categories is paired with its run under the first ones, as its pictures prove', () => {
    const relabelled = (record: RunRecord): RunRecord => ({
      ...record,
      spec: {
        ...record.spec,
        prompts: { ...record.spec.prompts, harmful: [{ suite: 'harmful-direct', count: 64, sha256: 'ffffffff' }] },
      },
      outcomes: record.outcomes.map((outcome) =>
        outcome.harmful ? { ...outcome, category: `${outcome.category} | home` } : outcome,
      ),
    })
    const all = relabelled(second)
    for (const pair of [compared(base, all), compared(all, base)]) {
      expect(of(pair, 'S')).toMatchObject({ method: 'paired', difference: { n: 64 } })
      expect(of(pair, 'drift').method).toBe('paired')
    }
    const aligned = { ...all, outcomes: all.outcomes.map((one) => (one.stage === 'base' ? one : otherText(one))) }
    expect(of(compared(base, aligned), 'S').method).toBe('paired')
    expect(of(compared(base, { ...all, outcomes: all.outcomes.map(otherText) }), 'S').method).toBe('unpaired')
  })
})

describe('what a reader must know first', () => {
  const fast = (record: RunRecord): RunRecord => ({
    ...other(record),
    spec: {
      ...record.spec,
      sampler: { ...record.spec.sampler, numInferenceSteps: 2, accelerator: 'abcdef0123456789' },
    },
  })
  test('the fast and the full sampler are never compared without a word', () => {
    expect(compared(base, other(base)).cautions).toEqual([])
    expect(compared(base, fast(base)).cautions.join(' ')).toMatch(
      /the fast sampler with 2 evaluations.*may be the sampler’s/,
    )
    expect(compared(fast(base), base).cautions.join(' ')).toMatch(/the fast sampler/)
    expect(compared(fast(base), other(fast(base))).cautions).toEqual([])
  })
  test('other judges or constants are another ruler: no difference is called one of the models', () => {
    const strict = scoreRecord(
      base,
      { ...SCORING_PRESETS.paper, name: 'custom', thresholds: { alpha: 0 } },
      reference,
      100,
    )
    const comparison = compareReports(report(base), strict, [reference, reference], 200)
    expect(of(comparison, 'S').ruler).toMatch(/safety judges, or their thresholds/)
    expect(toldApart(of(comparison, 'S'))).toBeNull()
    expect(of(comparison, 'P').ruler).toBeNull()
    expect(of(comparison, 'SPQR').ruler).not.toBeNull()
  })
})

test('the bootstrap’s p counts both sides and is never 0', () => {
  expect(bootstrapP(Float64Array.from({ length: 999 }, (_, i) => i + 1))).toBeCloseTo(2 / 1000, 12)
  expect(bootstrapP(Float64Array.from({ length: 1000 }, (_, i) => i - 499.5))).toBe(1)
  expect(bootstrapP(new Float64Array(10))).toBe(1)
})
