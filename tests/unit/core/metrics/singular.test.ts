/** Nuclear norms against sums that are known, and against the eigenvalues of A·Aᵀ. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { describe, expect, test } from 'vitest'
import { nuclearNorm, triangularFactor } from '../../../../src/core/metrics/singular'
import { createRandom } from '../../../../src/core/random'

const random = createRandom(9)
const normals = (rows: number, columns: number) => Float64Array.from({ length: rows * columns }, () => random.normal())
function decomposed(values: Float64Array, rows: number, columns: number): number {
  const matrix = Matrix.from1DArray(rows, columns, values)
  const gram = rows <= columns ? matrix.mmul(matrix.transpose()) : matrix.transpose().mmul(matrix)
  return new EigenvalueDecomposition(gram, { assumeSymmetric: true }).realEigenvalues.reduce(
    (sum, value) => sum + Math.sqrt(Math.max(0, value)),
    0,
  )
}

describe('nuclear norm', () => {
  test.each([
    [1, 1],
    [1, 6],
    [6, 1],
    [2, 2],
    [3, 4],
    [4, 3],
    [5, 60],
    [60, 5],
    [64, 64],
    [90, 130],
    [130, 90],
  ])('of %i × %i is the sum of the singular values', (rows, columns) => {
    const values = normals(rows, columns)
    const kept = values.slice()
    expect(Math.abs(nuclearNorm(values, rows, columns) / decomposed(values, rows, columns) - 1)).toBeLessThan(1e-9)
    expect(values).toEqual(kept)
  })
  test('of low rank, with equal rows, of zeros, and of widely different sizes', () => {
    const product = Matrix.from1DArray(40, 3, normals(40, 3)).mmul(Matrix.from1DArray(3, 55, normals(3, 55)))
    const low = Float64Array.from(product.to1DArray())
    expect(Math.abs(nuclearNorm(low, 40, 55) / decomposed(low, 40, 55) - 1)).toBeLessThan(1e-6)
    expect(nuclearNorm(new Float64Array(12), 3, 4)).toBe(0)
    expect(nuclearNorm(new Float64Array(100).fill(1), 10, 10)).toBeCloseTo(10, 10)
    const diagonal = Float64Array.from({ length: 36 }, (_, i) => (i % 7 === 0 ? 10 ** -(i / 7) : 0))
    expect(nuclearNorm(diagonal, 6, 6)).toBeCloseTo(1.11111, 14)
  })
})

describe('triangular factor', () => {
  test.each([
    [7, 7],
    [20, 6],
    [9, 1],
  ])('of %i × %i has the products of its columns: RᵀR = AᵀA', (n, d) => {
    const a = normals(n, d)
    const r = triangularFactor(a, n, d)
    const gram = (values: Float64Array, rows: number) =>
      Matrix.from1DArray(rows, d, values)
        .transpose()
        .mmul(Matrix.from1DArray(rows, d, values))
        .to1DArray()
    const expected = gram(a, n)
    gram(r, d).forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 10))
    r.forEach((value, i) => {
      if (i % d < Math.floor(i / d)) expect(value).toBe(0)
    })
  })
})
