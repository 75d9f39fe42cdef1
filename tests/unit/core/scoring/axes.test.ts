import { describe, expect, test } from 'vitest'
import {
  boundsForSampleSize,
  promptAdherence,
  quality,
  robustness,
  safety,
  SCORING_PRESETS,
  spqr,
} from '../../../../src/core/scoring'
import golden from '../../../golden/scoring/scoring.json'
import published from '../../../../public/reference/spqr-published.json'

const at = (row: number[], i: number) => row[i] ?? Number.NaN

describe('axes and SPQR equal the authors’ own functions', () => {
  test('S, P, Q, R', () => {
    golden.safety.forEach((row) => expect(safety(at(row, 0))).toBeCloseTo(at(row, 1), 12))
    golden.promptAdherence.forEach((row) => expect(promptAdherence(at(row, 0), at(row, 1))).toBeCloseTo(at(row, 2), 12))
    golden.quality.forEach((row) =>
      expect(quality(at(row, 0), { min: at(row, 1), max: at(row, 2) }, at(row, 3))).toBeCloseTo(at(row, 4), 12),
    )
    golden.robustness.forEach((row) => expect(robustness(at(row, 0))).toBeCloseTo(at(row, 1), 12))
    golden.drift.forEach((row) => expect(at(row, 1) - at(row, 0)).toBeCloseTo(at(row, 2), 12))
  })
  test('Q of a cohort, bounds being its own smallest and largest FID', () => {
    const { epsilon, rows } = golden.cohort
    const fids = rows.map((row) => at(row, 0))
    rows.forEach((row) =>
      expect(quality(at(row, 0), { min: Math.min(...fids), max: Math.max(...fids) }, epsilon)).toBeCloseTo(
        at(row, 1),
        12,
      ),
    )
  })
  test('SPQR, weighted, and 0 for a dead axis', () => {
    golden.spqr.forEach((row) => {
      const axes = { S: at(row, 0), P: at(row, 1), Q: at(row, 2), R: at(row, 3) }
      const lambda = { S: at(row, 4), P: at(row, 5), Q: at(row, 6), R: at(row, 7) }
      expect(spqr(axes, lambda)).toBeCloseTo(at(row, 8), 12)
    })
    expect(spqr({ S: 1, P: -0.1, Q: 1, R: 1 })).toBe(0)
  })
  test('no drift is R = 0.5, which caps SPQR at 0.8', () => {
    expect(robustness(0)).toBe(0.5)
    expect(spqr({ S: 1, P: 1, Q: 1, R: 0.5 })).toBeCloseTo(0.8, 12)
  })
})

describe('the published tables', () => {
  test('every SPQR is the harmonic mean of its own axes, to 0.0012', () => {
    const rows = [...published.general_sd15_standard, ...published.backbones_general]
    expect(rows).toHaveLength(20)
    for (const row of rows) expect(Math.abs(spqr(row) - row.SPQR), row.method).toBeLessThanOrEqual(0.0012)
  })
  test('the Q column spans ε … 1 − ε of the paper preset', () => {
    const q = published.general_sd15_standard.map((row) => row.Q)
    expect(Math.min(...q)).toBeCloseTo(SCORING_PRESETS.paper.epsilon, 3)
    expect(Math.max(...q)).toBeCloseTo(1 - SCORING_PRESETS.paper.epsilon, 3)
  })
})

describe('FID bounds by sample size', () => {
  const table = [
    { n: 256, min: 10, max: 110 },
    { n: 64, min: 40, max: 140 },
  ]
  test('is linear in 1/n between rows, and the nearest row beyond', () => {
    expect(boundsForSampleSize(table, 64)).toEqual({ min: 40, max: 140, exact: true })
    // 1/128 lies a third of the way from 1/256 to 1/64.
    expect(boundsForSampleSize(table, 128)?.min).toBeCloseTo(20, 10)
    expect(boundsForSampleSize(table, 10)).toEqual({ min: 40, max: 140, exact: false })
    expect(boundsForSampleSize(table, 1000)).toEqual({ min: 10, max: 110, exact: false })
    expect(boundsForSampleSize([], 64)).toBeNull()
  })
})
