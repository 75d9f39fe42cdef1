/** Parts of a run, FID∞ beside FID, drift along the curve: what a report adds to a record without a new image. */
import { describe, expect, test } from 'vitest'
import { SpqrError, type Report, type Slice } from '../../../../src/core/contracts'
import { frechetDistance } from '../../../../src/core/metrics'
import {
  describeSlice,
  NO_SLICE,
  sliceChoices,
  sliceRecord,
  scoreRecord,
  SCORING_PRESETS,
} from '../../../../src/core/scoring'
import { DIMENSION, syntheticRecord, syntheticReference } from './records'

const reference = syntheticReference()
const { paper } = SCORING_PRESETS
const record = syntheticRecord()
const part = (slice: Partial<Slice>): Report => scoreRecord(record, paper, reference, 200, { ...NO_SLICE, ...slice })

describe('a part of a run', () => {
  const whole = scoreRecord(record, paper, reference, 200)
  test('has the h of the whole report’s cells, and everything benign', () => {
    for (const { key, aligned, fineTuned } of whole.categories) {
      const { harmfulness, scores, quality } = part({ categories: [key] })
      expect(harmfulness.aligned).toEqual(aligned)
      expect(harmfulness.fineTuned).toEqual(fineTuned)
      expect(scores.P.value).toBe(whole.scores.P.value)
      expect(quality.fid.value).toBe(whole.quality.fid.value)
    }
    const suites = whole.suites.map(({ key }) => part({ suites: [key] }).harmfulness.aligned)
    expect(suites.map(({ n }) => n)).toEqual([32, 32])
    expect(part({ suites: whole.suites.map(({ key }) => key) }).harmfulness).toEqual(whole.harmfulness)
  })
  test('chooses languages among benign prompts too', () => {
    const { quality, harmfulness } = part({ languages: ['es'] })
    expect(harmfulness.aligned.n).toBe(
      record.outcomes.filter(({ harmful, stage, language }) => harmful && stage === 'aligned' && language === 'es')
        .length,
    )
    expect(quality.n).toBe(record.outcomes.filter(({ harmful, language }) => !harmful && language === 'es').length)
  })
  test('counts a prompt of several categories in each, and older records as they were', () => {
    const joined = {
      ...record,
      outcomes: record.outcomes.map((outcome) =>
        outcome.category === 'gore' ? { ...outcome, category: 'gore | rage' } : outcome,
      ),
    }
    const n = (of: Report) => Object.fromEntries(of.categories.map(({ key, aligned }) => [key, aligned.n]))
    const before = n(whole)
    const report = scoreRecord({ ...joined, scoringRule: 2 }, paper, reference, 200)
    expect(n(report)).toEqual({ ...before, rage: (before['rage'] ?? 0) + (before['gore'] ?? 0) })
    expect(report.harmfulness.aligned.n).toBe(64)
    expect(report.notes).toContain('Some harmful prompts have several categories and count in each of them.')
    expect(Object.keys(n(scoreRecord(joined, paper, reference, 200)))).toEqual(['gore | rage', 'rage', 'weapons'])
    const rage = scoreRecord({ ...joined, scoringRule: 2 }, paper, reference, 200, {
      ...NO_SLICE,
      categories: ['rage'],
    })
    expect(rage.harmfulness.aligned.n).toBe(n(report)['rage'])
  })
  test('takes a label whole where the record counts it so, and where a stored slice names it', () => {
    const outcomes = record.outcomes.map((outcome) =>
      outcome.category === 'gore' ? { ...outcome, category: 'gore | rage' } : outcome,
    )
    const label = { ...NO_SLICE, categories: ['gore | rage'] }
    const gore = sliceRecord(record, { ...NO_SLICE, categories: ['gore'] }).outcomes.map(({ unitId }) => unitId)
    for (const scoringRule of [undefined, 1, 2] as const) {
      const joined = { ...record, outcomes, ...(scoringRule === undefined ? {} : { scoringRule }) }
      expect(sliceRecord(joined, label).outcomes.map(({ unitId }) => unitId)).toEqual(gore)
      const { categories } = scoreRecord(joined, paper, reference, 20)
      expect(sliceChoices(joined).categories).toEqual(categories.map(({ key }) => key))
    }
    const ruleOne = { ...record, outcomes }
    expect(sliceChoices(ruleOne).categories).toEqual(['gore | rage', 'rage', 'weapons'])
    const rage = sliceRecord(ruleOne, { ...NO_SLICE, categories: ['rage'] }).outcomes
    expect(rage.filter(({ harmful }) => harmful).every(({ category }) => category === 'rage')).toBe(true)
    expect(() => sliceRecord(ruleOne, { ...NO_SLICE, categories: ['gore'] })).toThrow('no category "gore"')
  })
  test('says so, keeps the whole record, and is itself again when nothing is chosen', () => {
    const report = part({ suites: ['harmful-direct'], languages: ['en'] })
    expect(report.notes[0]).toMatch(/^Only suite harmful-direct, language en: \d+ of the 256 recorded images\.$/)
    expect(report.slice).toEqual({ suites: ['harmful-direct'], categories: [], languages: ['en'] })
    expect(report.record).toBe(record)
    expect(part({})).toEqual(whole)
    expect(describeSlice(report.slice ?? NO_SLICE)).toBe('suite harmful-direct, language en')
  })
  test('refuses what is not there, naming what is', () => {
    const thrown = (run: () => unknown) => {
      try {
        run()
      } catch (error) {
        if (error instanceof SpqrError) return error
      }
      throw new Error('nothing was thrown')
    }
    expect(thrown(() => part({ categories: ['poems'] })).hint).toBe('It has: gore, rage, weapons.')
    const one = {
      ...record,
      outcomes: record.outcomes.filter(({ suite, category }) => suite !== 'harmful-direct' || category === 'gore'),
    }
    expect(
      thrown(() => sliceRecord(one, { ...NO_SLICE, suites: ['harmful-direct'], categories: ['rage'] })).message,
    ).toContain('at once in suite harmful-direct, category rage')
  })
})

describe('FID∞', () => {
  test('stands beside FID with its subset curve, below it, whatever the order of the outcomes', () => {
    const { quality } = scoreRecord(record, paper, reference, 200)
    const { extrapolation, fid, n } = quality
    expect(extrapolation?.curve.map((point) => point.n)).toEqual([16, 24, 32, 48, 64])
    expect(extrapolation?.curve.at(-1)?.fid).toBeCloseTo(fid.value ?? Number.NaN, 10)
    const falling = extrapolation?.curve.map((point) => point.fid) ?? []
    expect([...falling].sort((a, b) => b - a)).toEqual(falling)
    const { value, low, high } = extrapolation?.value ?? {}
    expect(value).toBeLessThan(fid.value ?? Number.NaN)
    expect(low).toBeLessThanOrEqual(value ?? Number.NaN)
    expect(high).toBeGreaterThanOrEqual(value ?? Number.NaN)
    expect(n).toBe(64)
    expect(scoreRecord({ ...record, outcomes: [...record.outcomes].reverse() }, paper, reference, 200).quality).toEqual(
      quality,
    )
  })
  test('is nearer than FID to the distance of many images', () => {
    const many = syntheticRecord({ harmful: 4, benign: 6000, seed: 8 })
    const features = many.outcomes.flatMap((outcome) =>
      !outcome.harmful && outcome.status === 'judged' && outcome.judgements.features?.kind === 'features'
        ? outcome.judgements.features.features
        : [],
    )
    const truth = frechetDistance(Float32Array.from(features), features.length / DIMENSION, reference, 200, DIMENSION)
    let [plain, limit, covered] = [0, 0, 0]
    for (let seed = 30; seed < 50; seed++) {
      const { fid, extrapolation } = scoreRecord(
        syntheticRecord({ harmful: 4, benign: 96, seed }),
        paper,
        reference,
        100,
      ).quality
      plain += (fid.value ?? Number.NaN) / 20
      limit += (extrapolation?.value.value ?? Number.NaN) / 20
      if ((extrapolation?.value.low ?? Infinity) <= truth && truth <= (extrapolation?.value.high ?? -Infinity))
        covered++
    }
    expect(Math.abs(limit - truth)).toBeLessThan(Math.abs(plain - truth) / 2)
    expect(covered).toBeGreaterThanOrEqual(17)
  }, 60_000)
  test('is missing with its reason for a handful of images, and absent without FID', () => {
    const few = scoreRecord(syntheticRecord({ benign: 10 }), paper, reference, 100).quality.extrapolation
    expect(few?.value).toMatchObject({ value: null, reason: 'FID∞ needs at least 16 images.' })
    expect(scoreRecord(record, paper, null, 100).quality.extrapolation).toBeNull()
  })
})

describe('along a live fine-tune', () => {
  test('every step has its drift from the aligned model, and the last is the report’s', () => {
    const report = scoreRecord(syntheticRecord({ checkpoints: [0, 10, 20] }), paper, reference, 400)
    expect(report.curve.map(({ drift }) => drift?.n)).toEqual([64, 64, 64])
    expect(report.curve.at(-1)?.drift?.value).toBe(report.drift.value)
    for (const { drift } of report.curve) expect(drift?.low).toBeLessThanOrEqual(drift?.value ?? Number.NaN)
  })
})
