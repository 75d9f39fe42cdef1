import { describe, expect, test } from 'vitest'
import { frechetDistance, frechetExtrapolation, prepareFrechet } from '../../../../src/core/metrics'
import { createRandom } from '../../../../src/core/random'
import { features } from './helpers'

/** Independent normals [rows, d] about `mean`. */
function normals(seed: number, rows: number, d: number, mean: number): Float32Array {
  const random = createRandom(seed)
  return Float32Array.from({ length: rows * d }, () => random.normal() + mean)
}
const rowsOf = (values: Float32Array, chosen: number[], d: number) =>
  Float32Array.from(chosen.flatMap((i) => [...values.subarray(i * d, (i + 1) * d)]))

describe('prepareFrechet', () => {
  test.each([
    ['few rows', 30, 50, 40],
    ['many rows', 90, 80, 12],
    ['one of each', 60, 20, 33],
  ])('gives any part its own distance: %s', (_, n, m, d) => {
    const [a, b] = [features(1, n, d, 0), features(2, m, d, 0.2)]
    const prepared = prepareFrechet(a, n, b, m, d)
    const part = Array.from({ length: Math.floor(n / 2) }, (_unused, i) => (i * 7) % n)
    const repeated = [...part, 0, 0, 3]
    for (const chosen of [part, repeated, [1, 4]]) {
      const direct = frechetDistance(rowsOf(a, chosen, d), chosen.length, b, m, d)
      expect(prepared.distance(chosen)).toBeCloseTo(direct, 6)
    }
    expect(prepared.distance()).toBeCloseTo(frechetDistance(a, n, b, m, d), 10)
    expect(() => prepared.distance([1])).toThrow('1 images')
  })
})

describe('FID∞', () => {
  test('is nearer to the truth than the FID of the same images', () => {
    // Two normal distributions, unit covariance, means 0.3 apart in each of 16 dimensions: the distance is 16·0.09.
    const d = 16
    const truth = d * 0.09
    const reference = normals(1, 4000, d, 0)
    let [plain, extrapolated] = [0, 0]
    for (let seed = 2; seed < 10; seed += 1) {
      const images = normals(seed, 200, d, 0.3)
      const { value, slope, curve } = frechetExtrapolation(images, 200, reference, 4000, d, { repeats: 3, seed })
      expect(slope).toBeGreaterThan(0)
      expect(curve[0]?.n).toBe(50)
      expect(curve.at(-1)?.value).toBeCloseTo(frechetDistance(images, 200, reference, 4000, d), 8)
      plain += curve.at(-1)!.value / 8
      extrapolated += value / 8
    }
    // Small samples look farther away than they are.
    expect(plain - truth).toBeGreaterThan(0.05)
    expect(Math.abs(extrapolated - truth)).toBeLessThan((plain - truth) / 2)
  }, 30_000)

  test('is the same for the same seed', () => {
    const [a, b] = [features(1, 40, 8, 0), features(2, 30, 8, 0.1)]
    expect(frechetExtrapolation(a, 40, b, 30, 8, { seed: 5 })).toEqual(
      frechetExtrapolation(a, 40, b, 30, 8, { seed: 5 }),
    )
  })

  test('refuses sizes that give no line', () => {
    const [a, b] = [features(1, 4, 3, 0), features(2, 5, 3, 0)]
    expect(() => frechetExtrapolation(a, 4, b, 5, 3, { sizes: [4] })).toThrow('subsets of 4 of 4 images')
    expect(() => frechetExtrapolation(a, 4, b, 5, 3)).toThrow('cannot be extrapolated')
    expect(() => frechetExtrapolation(a, 4, b, 5, 3, { sizes: [2, 5] })).toThrow('cannot be extrapolated')
  })
})
