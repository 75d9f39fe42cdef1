import { describe, expect, test } from 'vitest'
import { SpqrError, type Outcome, type RunRecord } from '../../../../src/core/contracts'
import {
  compareReports,
  THRESHOLD_GRID,
  thresholdCurve,
  toldApart,
  scoreRecord,
  SCORING_PRESETS,
} from '../../../../src/core/scoring'
import { syntheticRecord, toFailed } from './records'

const record = syntheticRecord()
const report = (of: RunRecord) => scoreRecord(of, SCORING_PRESETS.paper, null, 100)
const changed = (change: (outcome: Outcome, i: number) => Outcome) =>
  report({ ...record, outcomes: record.outcomes.map(change) })

describe('comparing two runs', () => {
  test('finds nothing between a run and itself', () => {
    const same = compareReports(report(record), report(record))
    expect(same).toMatchObject({ sameSpec: true, specChanges: [], units: [], unchanged: 256 })
    expect(same.shared).toEqual({ pairs: 256, first: 256, second: 256 })
    for (const score of same.scores) {
      expect(score.difference.value === 0 || score.difference.value === null, score.name).toBe(true)
      expect(toldApart(score)).not.toBe(true)
    }
  })
  test('finds exactly what changed, by its weightiest change', () => {
    const other = changed((outcome, i) => {
      if (outcome.status !== 'judged' || !outcome.harmful) return outcome
      if (i === 0) return toFailed(outcome)
      const { alpha } = outcome.judgements
      if (alpha?.kind !== 'safety-multilabel') return outcome
      if (i === 1)
        return {
          ...outcome,
          judgements: {
            ...outcome.judgements,
            alpha: { ...alpha, scores: [alpha.scores[0] ?? 0, 0.02] },
            beta: { kind: 'safety-multilabel', scores: [0.123], legible: null },
          },
        }
      if (i === 2) return { ...outcome, imageSha256: 'ffffffff' }
      return outcome
    })
    const { units, unchanged } = compareReports(report(record), other)
    expect(unchanged).toBe(253)
    expect(units).toHaveLength(3)
    expect(units.map(({ change }) => change)).toEqual(expect.arrayContaining(['status', 'picture']))
    expect(units.every(({ promptId }) => promptId === 'h0')).toBe(true)
  })
  test('matches by place, since unit ids depend on the weights, and names the changed specification', () => {
    const second = report({
      ...record,
      id: 'abcdef01',
      spec: { ...record.spec, alignment: null },
      outcomes: record.outcomes.slice(1).map((outcome, i) => ({ ...outcome, unitId: i.toString(16).padStart(8, '0') })),
    })
    const comparison = compareReports(report(record), second)
    expect(comparison.specChanges).toEqual(['alignment'])
    expect(comparison.units.map(({ change }) => change)).toEqual(['only-first'])
  })
  test('the end of a live fine-tune is matched with a pack’s, its earlier checkpoints are of one side only', () => {
    const live = syntheticRecord({ harmful: 8, benign: 8, checkpoints: [10, 20] })
    const pack = syntheticRecord({ harmful: 8, benign: 8, rates: [0.9, 0.1, 0.95] })
    const { units } = compareReports(report(live), report(pack))
    // Harmless pictures are made at checkpoints alone.
    const tuned = units.filter(({ stage, suite }) => stage === 'fine-tuned' && suite !== 'benign')
    expect(tuned.filter(({ step }) => step === 10).every(({ change }) => change === 'only-first')).toBe(true)
    expect(tuned.filter(({ step }) => step === 20)).toEqual([])
    const flips = tuned.filter(({ change }) => change === 'verdict')
    expect(flips.length).toBeGreaterThan(0)
    expect(flips.every(({ step, first, second }) => step === null && first !== null && second !== null)).toBe(true)
    // The same as the pairs behind the difference of h.
    const { flips: counted } = compareReports(report(live), report(pack)).scores.find(
      ({ name }) => name === 'fineTuned',
    ) ?? { flips: null }
    if (counted) expect(flips.length).toBe(counted.onlyFirst + counted.onlySecond)
  })
  test('a harmful picture that a judge could not read is failed, not safe', () => {
    const silent = changed((outcome, i) =>
      i === 0 && outcome.status === 'judged'
        ? { ...outcome, judgements: { alpha: { kind: 'safety-multilabel', scores: [Number.NaN, 0], legible: null } } }
        : outcome,
    )
    const [unit] = compareReports(report(record), silent).units
    expect(unit).toMatchObject({ change: 'status', second: { status: 'failed', flagged: null } })
  })
  test('verdicts flip with the thresholds of either side', () => {
    const strict = scoreRecord(
      record,
      { ...SCORING_PRESETS.paper, name: 'custom', thresholds: { alpha: 0 } },
      null,
      100,
    )
    const { units } = compareReports(report(record), strict)
    expect(units.length).toBeGreaterThan(50)
    expect(
      units.every(
        ({ change, first, second }) => change === 'verdict' && first?.flagged === false && second?.flagged === true,
      ),
    ).toBe(true)
  })
})

describe('threshold curve', () => {
  const curve = thresholdCurve(record, 'alpha')
  test('falls from everything flagged to the other judge alone, and meets the report at its threshold', () => {
    expect(curve.map(({ threshold }) => threshold)).toEqual(THRESHOLD_GRID)
    expect(curve[0]?.aligned.value).toBe(100)
    const values = curve.map(({ aligned }) => aligned.value ?? Number.NaN)
    expect(values.every((value, i) => i === 0 || value <= (values[i - 1] ?? Number.NaN))).toBe(true)
    const shown = report(record)
    expect(curve[50]?.aligned).toEqual(shown.harmfulness.aligned)
    expect(curve[50]?.drift.value).toBeCloseTo(shown.drift.value ?? Number.NaN, 10)
    // The closed form of the curve and the bootstrap of the report are two intervals of one number.
    expect(Math.abs((curve[50]?.drift.low ?? 0) - (shown.drift.low ?? 0))).toBeLessThan(2.5)
  })
  test('refuses an unknown judge by name', () => {
    expect(() => thresholdCurve(record, 'gamma')).toThrow(SpqrError)
    expect(() => thresholdCurve(record, 'gamma')).toThrow('gamma')
  })
})
