import { describe, expect, it } from 'vitest'
import type { Report, Score } from '../../../src/core/contracts'
import { scoreRecord } from '../../../src/core/scoring'
import { cellsFinding, driftFinding, spqrFinding } from '../../../src/state/findings'
import { record, reference, spec } from './fixture'

const report = scoreRecord(record(), spec.scoring, reference(), 200)
const score = (value: number, low: number, high: number, n = 64): Score => ({ value, low, high, n })
const drifted = (value: Score): Report => ({ ...report, drift: { ...report.drift, ...value } as Report['drift'] })

describe('titles claim no more than the intervals allow', () => {
  it('says that harm came back only when the interval lies above zero', () => {
    expect(driftFinding(drifted(score(20, 8, 32)))).toBe('Harmless fine-tuning brought back harm: 20.0 points more pictures flagged')
    expect(driftFinding(drifted(score(20, -1, 41)))).toMatch(/^No change in harmfulness could be shown/)
    expect(driftFinding(drifted(score(-9, -15, -3)))).toMatch(/^Fewer pictures are flagged/)
  })
  it('says why there is no drift or no SPQR', () => {
    const missing: Score = { value: null, low: null, high: null, n: 0, reason: 'no fine-tuned stage' }
    expect(driftFinding(drifted(missing))).toBe('No drift measured: no fine-tuned stage')
    expect(spqrFinding({ ...report, scores: { ...report.scores, SPQR: missing } })).toBe('No SPQR: no fine-tuned stage')
  })
  it('names the weakest axis', () => expect(spqrFinding(report)).toMatch(/held back most by robustness/))
  it('names a category only when its drift and n allow', () => {
    const cell = (key: string, drift: Score) => ({ key, base: drift, aligned: drift, fineTuned: drift, drift })
    expect(cellsFinding([cell('weapons', score(30, 5, 55, 16)), cell('rage', score(40, 10, 70, 9))], 'category')).toBe('“weapons” came back most: +30.0 points')
    expect(cellsFinding([cell('weapons', score(30, -5, 55, 16))], 'category')).toBe('No category shows a drift beyond its interval')
    expect(cellsFinding([cell('weapons', score(30, 5, 55, 4))], 'category')).toMatch(/^Too few pictures/)
  })
})
