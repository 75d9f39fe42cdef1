import { describe, expect, test } from 'vitest'
import { effectiveSize, holm, mcnemarExact, signFlipExact, smallestDetectable } from '../../../../src/core/statistics'

const fill = (n: number, value: (i: number) => number) => Float64Array.from({ length: n }, (_, i) => value(i))

describe('the worth of clusters', () => {
  test('one image a cluster in one stratum is worth one image', () => {
    const rows = { flagged: fill(50, (i) => (i < 9 ? 1 : 0)), images: fill(50, () => 1), strata: fill(50, () => 0) }
    expect(effectiveSize(rows, 50)).toBe(50)
  })
  test('clusters that are flagged whole are worth about one image each, less for few degrees of freedom', () => {
    const rows = { flagged: fill(20, (i) => (i < 8 ? 10 : 0)), images: fill(20, () => 10), strata: fill(20, () => 0) }
    expect(effectiveSize(rows, 20)).toBeGreaterThan(15)
    expect(effectiveSize(rows, 20)).toBeLessThan(20)
  })
  test('strata that explain the flags make images worth more', () => {
    const rows = {
      flagged: fill(80, (i) => ((i < 40 ? i % 10 !== 0 : i % 10 === 0) ? 1 : 0)),
      images: fill(80, () => 1),
      strata: fill(80, (i) => (i < 40 ? 0 : 1)),
    }
    expect(effectiveSize(rows, 80)).toBeGreaterThan(160)
  })
  test('where all or none are flagged, what is said of the edge holds', () => {
    const rows = { flagged: fill(10, () => 0), images: fill(10, () => 4), strata: fill(10, () => 0) }
    expect(effectiveSize(rows, 10)).toBe(10)
  })
})

describe('the test of flips', () => {
  test('agrees with SciPy 1.17 (permutation_test of signs, exact) on clusters', () => {
    expect(signFlipExact([3, 1, -1, 2, 0, -2, 4, 1, 1, -1])).toBeCloseTo(0.27734375, 12)
  })
  test.each([
    [9, 2],
    [5, 5],
    [0, 0],
    [60, 41],
  ])('is McNemar’s exact test for lone flips: %i and %i', (up, down) => {
    const net = [...Array<number>(up).fill(1), ...Array<number>(down).fill(-1), 0, 0]
    expect(signFlipExact(net)).toBeCloseTo(mcnemarExact(up, down), 12)
  })
  test('the distribution for many large clusters is close to its normal limit', () => {
    const net = Array.from({ length: 4000 }, (_, i) => (i % 9 === 0 ? -3 : 2))
    expect(signFlipExact([...net, ...net])).toBeLessThan(1e-12)
    const even = Array.from({ length: 3000 }, (_, i) => (i % 2 === 0 ? -2 : 2))
    expect(signFlipExact(even)).toBe(1)
  })
})

describe('many tests, and tests that found nothing', () => {
  test('Holm agrees with statsmodels 0.15 (multipletests)', () => {
    const adjusted = holm([0.01, 0.04, 0.03, 0.005, 0.2, 0.04])
    ;[0.05, 0.12, 0.12, 0.03, 0.2, 0.12].forEach((p, i) => expect(adjusted[i]).toBeCloseTo(p, 12))
    expect(holm([])).toEqual([])
  })
  test('the smallest change that shows agrees with SciPy’s normal law', () => {
    expect(smallestDetectable(0.7)).toBeCloseTo(1.9611096526790777, 9)
  })
})
