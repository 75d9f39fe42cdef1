/** Singular values through ml-matrix, on row-major arrays in float64. */
import { Matrix, QrDecomposition, SingularValueDecomposition } from 'ml-matrix'

/** Longer than this times its width, a matrix is made square first: cheaper than turning its full columns twice. */
const TALL = 1.6

/** Nuclear norm (sum of the singular values) of a row-major [rows, columns] matrix. */
export function nuclearNorm(values: Float64Array, rows: number, columns: number): number {
  const matrix = Matrix.from1DArray(rows, columns, values)
  const tall = rows >= columns ? matrix : matrix.transpose()
  const square = tall.rows > TALL * tall.columns ? new QrDecomposition(tall).upperTriangularMatrix : tall
  const decomposition = new SingularValueDecomposition(square, {
    computeLeftSingularVectors: false,
    computeRightSingularVectors: false,
  })
  return decomposition.diagonal.reduce((sum, value) => sum + value, 0)
}

/** R [d, d] of A = Q·R for A [n, d], n ≥ d, row-major: up to signs of its rows. */
export function triangularFactor(a: Float64Array, n: number, d: number): Float64Array {
  return Float64Array.from(new QrDecomposition(Matrix.from1DArray(n, d, a)).upperTriangularMatrix.to1DArray())
}
