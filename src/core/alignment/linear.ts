/** Small dense linear algebra in double precision, row-major. */
import { SpqrError } from '../contracts/errors'

/** G ← G + s·rowsᵀ·rows for `rows` of shape [n, d]; G is [d, d], symmetric. */
export function addGram(gram: Float64Array, rows: ArrayLike<number>, d: number, scale: number): void {
  const count = rows.length / d
  for (let r = 0; r < count; r++) {
    const offset = r * d
    for (let i = 0; i < d; i++) {
      const factor = scale * rows[offset + i]!
      if (factor === 0) continue
      const line = i * d
      for (let j = 0; j <= i; j++) gram[line + j]! += factor * rows[offset + j]!
    }
  }
  for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) gram[j * d + i] = gram[i * d + j]!
}

/**
 * Lower Cholesky factor of a symmetric positive definite [n, n] matrix.
 * @throws SpqrError BAD_INPUT when the matrix is not positive definite
 */
export function cholesky(matrix: Float64Array, n: number): Float64Array {
  const lower = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j]!
      for (let k = 0; k < j; k++) sum -= lower[i * n + k]! * lower[j * n + k]!
      if (i === j) {
        if (!(sum > 0))
          throw new SpqrError(
            'BAD_INPUT',
            'The alignment has no unique solution: its matrix is singular.',
            'Choose a larger lambda, or fewer identical concepts.',
          )
        lower[i * n + i] = Math.sqrt(sum)
      } else {
        lower[i * n + j] = sum / lower[j * n + j]!
      }
    }
  }
  return lower
}

/** Solves L·Lᵀ·x = b for each row b of `rows` ([m, n], not changed); returns [m, n]. */
export function solveRows(lower: Float64Array, rows: ArrayLike<number>, n: number): Float64Array {
  const solved = Float64Array.from(rows)
  for (let offset = 0; offset < solved.length; offset += n) {
    for (let i = 0; i < n; i++) {
      let sum = solved[offset + i]!
      for (let k = 0; k < i; k++) sum -= lower[i * n + k]! * solved[offset + k]!
      solved[offset + i] = sum / lower[i * n + i]!
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = solved[offset + i]!
      for (let k = i + 1; k < n; k++) sum -= lower[k * n + i]! * solved[offset + k]!
      solved[offset + i] = sum / lower[i * n + i]!
    }
  }
  return solved
}

/** A·B for A [m, n] and B [n, d]; returns [m, d]. */
export function times(a: ArrayLike<number>, b: ArrayLike<number>, n: number, d: number): Float64Array {
  const m = a.length / n
  const result = new Float64Array(m * d)
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < n; k++) {
      const factor = a[i * n + k]!
      for (let j = 0; j < d; j++) result[i * d + j]! += factor * b[k * d + j]!
    }
  }
  return result
}

/** ΣAᵀ·B over one pair, added to `sum` [d, d]; A and B are [o, d]. */
export function addTransposedTimes(sum: Float64Array, a: ArrayLike<number>, b: ArrayLike<number>, d: number): void {
  const o = a.length / d
  for (let r = 0; r < o; r++) {
    for (let i = 0; i < d; i++) {
      const factor = a[r * d + i]!
      for (let j = 0; j < d; j++) sum[i * d + j]! += factor * b[r * d + j]!
    }
  }
}
