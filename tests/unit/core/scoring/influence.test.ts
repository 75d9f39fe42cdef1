/** FID's influences against FID itself, with images really left out. */
import { describe, expect, test } from 'vitest'
import { frechetDistance, kernelDistance } from '../../../../src/core/metrics'
import { frechetInfluence } from '../../../../src/core/scoring/record/fidInfluence'
import { kernelInfluence } from '../../../../src/core/scoring/record/kidInfluence'
import { createGenerator } from '../../../../src/core/statistics'

const random = createGenerator(3)
const matrix = (rows: number, d: number, shift: number) =>
  Float32Array.from({ length: rows * d }, (_, i) => random.normal() * (1 + (i % d) / 4) + shift)
const without = (features: Float32Array, d: number, i: number) =>
  Float32Array.from([...features.subarray(0, i * d), ...features.subarray((i + 1) * d)])

describe('influence on the Fréchet distance', () => {
  for (const [n, d] of [
    [30, 6],
    [6, 6],
    [5, 9],
    [12, 8],
  ] as const) {
    test(`is the exact jackknife: n = ${n}, d = ${d} (1e-6 relative)`, () => {
      const [features, reference] = [matrix(n, d, 0.3), matrix(40, d, 0)]
      const left = Array.from(
        { length: n },
        (_, i) => -(n - 1) * frechetDistance(without(features, d, i), n - 1, reference, 40, d),
      )
      const mean = left.reduce((a, b) => a + b, 0) / n
      const scale = Math.max(...left.map((value) => Math.abs(value - mean)))
      const influence = frechetInfluence(features, n, reference, 40, d)
      influence.forEach((value, i) => expect(Math.abs(value - ((left[i] ?? 0) - mean))).toBeLessThan(1e-6 * scale))
    })
  }
  test('becomes the infinitesimal one as n grows', () => {
    const [features, reference] = [matrix(600, 4, 0.2), matrix(100, 4, 0)]
    const exact = frechetInfluence(features, 600, reference, 100, 4, Infinity)
    const limit = frechetInfluence(features, 600, reference, 100, 4, 0)
    const norm = (values: Float64Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
    expect(norm(exact.map((value, i) => value - (limit[i] ?? 0))) / norm(exact)).toBeLessThan(0.02)
  })
  test('does not break on equal images', () => {
    const features = new Float32Array(8 * 3).fill(0.5)
    expect(frechetInfluence(features, 8, matrix(20, 3, 0), 20, 3).every((value) => Math.abs(value) < 1e-9)).toBe(true)
  })
})

describe('influence on the kernel distance', () => {
  test('gives the spread of KID over independent samples (20 %, from 200 samples)', () => {
    const [n, d] = [60, 4]
    const reference = matrix(n, d, 0)
    const runs = Array.from({ length: 200 }, () => {
      const features = matrix(n, d, 0.4)
      const influence = kernelInfluence(features, n, reference, n, d)
      return {
        value: kernelDistance(features, n, reference, n, d, { subsets: 1 }).mean,
        error: Math.sqrt(influence.reduce((sum, x) => sum + x * x, 0) / (n - 1) / n),
      }
    })
    const mean = runs.reduce((sum, { value }) => sum + value, 0) / runs.length
    const spread = Math.sqrt(runs.reduce((sum, { value }) => sum + (value - mean) ** 2, 0) / runs.length)
    const stated = runs.reduce((sum, { error }) => sum + error, 0) / runs.length
    expect(stated / spread).toBeGreaterThan(0.85)
    expect(stated / spread).toBeLessThan(1.2)
  }, 30_000)
})
