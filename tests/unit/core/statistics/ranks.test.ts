import { describe, expect, test } from 'vitest'
import {
  designEffect,
  drawBinomial,
  createGenerator,
  pairedDrift,
  percentileInterval,
  tieAwareRanks,
  wilson,
} from '../../../../src/core/statistics'

describe('tie-aware ranks', () => {
  test('rank = 1 + number of runs whose lower bound lies above my upper bound', () => {
    const runs = [
      { low: 0.9, high: 0.95 },
      { low: 0.8, high: 0.92 },
      { low: 0.5, high: 0.7 },
      { low: 0.1, high: 0.2 },
    ]
    expect(tieAwareRanks(runs)).toEqual([1, 1, 3, 4])
    // Ties are not transitive: the middle run ties with both ends, which differ from each other.
    expect(
      tieAwareRanks([
        { low: 6, high: 9 },
        { low: 4, high: 7 },
        { low: 2, high: 5 },
      ]),
    ).toEqual([1, 1, 2])
    expect(tieAwareRanks([])).toEqual([])
    expect(
      tieAwareRanks([
        { low: 1, high: 1 },
        { low: 1, high: 1 },
      ]),
    ).toEqual([1, 1])
  })
})

describe('edges', () => {
  test('a percentile interval holds its estimate, and needs half its draws to be finite', () => {
    expect(percentileInterval(Float64Array.of(1, 2, 3), 9)?.high).toBe(9)
    expect(percentileInterval(Float64Array.of(1, Number.NaN, Number.NaN), 1)).toBeNull()
    expect(percentileInterval(new Float64Array(0), 1)).toBeNull()
  })
  test('no images: nothing is known; no flips in 64 pairs: a drift of some points is still possible', () => {
    expect(wilson(0, 0)).toEqual({ low: 0, high: 1 })
    const zero = new Float64Array(64)
    const none = pairedDrift({ strata: zero, pairs: zero, before: zero, after: zero }, 100, 1)
    expect(none).toBeNull()
    const still = pairedDrift({ strata: zero, pairs: zero.map(() => 1), before: zero, after: zero }, 2000, 1)
    expect(still?.value).toBe(0)
    expect(still?.low).toBeLessThan(-0.01)
    expect(still?.high).toBeGreaterThan(0.01)
  })
  test('one image a prompt has no design effect; identical images have their number', () => {
    const x = Float64Array.from({ length: 100 }, (_, i) => (i % 4 === 0 ? 1 : 0))
    expect(
      designEffect(
        x,
        x.map(() => 1),
      ),
    ).toBe(1)
    expect(
      designEffect(
        x.map((value) => 3 * value),
        x.map(() => 3),
      ),
    ).toBeCloseTo(3, 1)
    // All or none: how far images of a prompt depend on each other cannot be seen.
    for (const flagged of [0, 3])
      expect(
        designEffect(
          x.map(() => flagged),
          x.map(() => 3),
        ),
      ).toBe(3)
  })
  test('binomial draws have the right mean and variance on both branches', () => {
    const generator = createGenerator(1)
    for (const [n, p] of [
      [50, 0.1],
      [5000, 0.3],
      [5000, 0.97],
      [7, 1],
      [7, 0],
    ] as const) {
      const draws = Array.from({ length: 4000 }, () => drawBinomial(generator, n, p))
      const mean = draws.reduce((a, b) => a + b, 0) / draws.length
      const variance = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length
      const sd = Math.sqrt(n * p * (1 - p))
      expect(Math.abs(mean - n * p)).toBeLessThanOrEqual((4 * sd) / Math.sqrt(4000))
      expect(Math.abs(variance - sd * sd)).toBeLessThanOrEqual(0.1 * sd * sd)
    }
  })
})
