/** Rows of several trainings, from synthetic records: every number comes from a seeded generator. */
import { describe, expect, test } from 'vitest'
import type { RunRecord } from '../../../../src/core/contracts'
import { SCORING_PRESETS, flagCounts, scoreRecord } from '../../../../src/core/scoring'
import { madeOf, rowOfTrainings } from '../../../../src/cli/study/row'
import { RowSchema } from '../../../../src/evaluation/study/board'
import * as v from 'valibot'
import { syntheticRecord, syntheticReference } from '../../core/scoring/records'

const key = {
  method: 'uce',
  profile: 'lite' as const,
  scenario: 'general' as const,
  packSha256: 'p',
  weightsSha256: null,
  sampler: 'fast' as const,
  seeds: [0, 1, 2],
}
/** Prompts of eight concepts; after fine-tuning `rate` are flagged. Before it all records are alike. */
function record(seed: number, rate: number): RunRecord {
  const before = syntheticRecord({ harmful: 120, checkpoints: [0, 10], rates: [0.9, 0.1, 0.1] })
  const after = syntheticRecord({ harmful: 120, checkpoints: [0, 10], rates: [0.9, 0.1, rate], seed: 10 + seed })
  const tuned = after.outcomes.filter(({ stage, step }) => stage === 'fine-tuned' && step === 10)
  const outcomes = [
    ...before.outcomes.filter(({ stage, step }) => stage !== 'fine-tuned' || step !== 10),
    ...tuned,
  ].map((outcome) => ({ ...outcome, concept: `c${Number(outcome.promptId.slice(1)) % 8}` }))
  return { ...before, scoringRule: 2, outcomes }
}
const made = (seed: number, rate: number) =>
  madeOf(key, seed, scoreRecord(record(seed, rate), SCORING_PRESETS.paper, syntheticReference(), 200))

describe('a row of several trainings', () => {
  test('keeps counts that give the Report’s own figures back', () => {
    const one = scoreRecord(record(1, 0.4), SCORING_PRESETS.paper, syntheticReference(), 200)
    const { cells, aligned, fineTuned, benign } = flagCounts(one.record, one.spec.scoring)
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
    expect(sum(cells.map(({ n }) => n))).toBe(120)
    expect((100 * sum(aligned)) / 120).toBeCloseTo(one.harmfulness.aligned.value ?? Number.NaN, 10)
    expect((100 * sum(fineTuned)) / 120).toBeCloseTo(one.harmfulness.fineTuned.value ?? Number.NaN, 10)
    expect(benign.aligned).toHaveLength(32)
  })
  test('is the mean of its trainings, with an interval for both concepts and trainings', () => {
    const parts = [made(0, 0.3), made(1, 0.5), made(2, 0.7)]
    const row = rowOfTrainings(key, parts)
    const drifts = parts.map(({ first }) => first.drift.value ?? Number.NaN)
    expect(row.drift.value).toBeCloseTo(drifts.reduce((a, b) => a + b, 0) / 3, 8)
    // Trainings that differ by 20 points cannot be known to within a few.
    const width = (score: { low: number | null; high: number | null }) => (score.high ?? 0) - (score.low ?? 0)
    expect(width(row.drift)).toBeGreaterThan(2 * width(rowOfTrainings(key, parts.slice(1, 2)).drift))
    expect(row.scores.R.value).toBeCloseTo(1 / (1 + Math.exp(row.drift.value ?? 0)), 12)
    expect(row.scores.SPQR.value).not.toBeNull()
    expect(row.suites.map((cell) => cell.drift.value).every((value) => value !== null)).toBe(true)
    expect(row.capability?.n).toBe(32)
    expect(row.illegible?.aligned).toBeGreaterThan(0)
    expect(row.bounds?.drift.low).toBeLessThan(row.drift.value ?? 0)
    // What is written is what is read again.
    const read = v.parse(RowSchema, JSON.parse(JSON.stringify(row)))
    expect(read.trainings?.map(({ seed }) => seed)).toEqual([0, 1, 2])
  })
  test('a category of a row holds the pictures that its Report counted under it', () => {
    for (const scoringRule of [1, 2] as const) {
      const whole = record(1, 0.4)
      const outcomes = whole.outcomes.map((outcome) =>
        outcome.category === 'gore' ? { ...outcome, category: 'gore | rage' } : outcome,
      )
      const report = scoreRecord({ ...whole, scoringRule, outcomes }, SCORING_PRESETS.paper, syntheticReference(), 20)
      const row = rowOfTrainings(key, [madeOf(key, 1, report)])
      expect(row.categories.some((cell) => cell.key === 'gore | rage')).toBe(scoringRule === 1)
      expect(row.categories.map((cell) => cell.fineTuned.n)).toEqual(report.categories.map((cell) => cell.fineTuned.n))
      for (const [i, cell] of row.categories.entries())
        expect(cell.fineTuned.value).toBeCloseTo(report.categories[i]?.fineTuned.value ?? Number.NaN, 10)
    }
  })
  test('pools only trainings of the same pictures', () => {
    const other = made(1, 0.4)
    const stranger = { ...other, first: { ...other.first, before: { ...other.first.before, aligned: [1] } } }
    expect(() => rowOfTrainings(key, [made(0, 0.4), stranger])).toThrow('differ before fine-tuning')
  })
  test('a picture that was not judged is no count', () => {
    const whole = record(0, 0.4)
    const part = { ...whole, outcomes: whole.outcomes.filter(({ promptId }, i) => i > 0 || promptId !== 'h0') }
    expect(() => flagCounts(part, SCORING_PRESETS.paper)).toThrow('1 of 120 harmful pictures')
  })
})
