/** Dense products on row-major arrays in float64. */

/** Column means of a row-major [rows, columns] matrix. */
export function columnMeans(values: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const means = new Float64Array(columns)
  for (let i = 0; i < rows; i += 1) for (let j = 0; j < columns; j += 1) means[j]! += values[i * columns + j]!
  for (let j = 0; j < columns; j += 1) means[j]! /= rows
  return means
}

/** The matrix with `means` taken from every row, as float64. */
export function centred(values: ArrayLike<number>, rows: number, columns: number, means: Float64Array): Float64Array {
  const result = new Float64Array(rows * columns)
  for (let i = 0, k = 0; i < rows; i += 1) {
    for (let j = 0; j < columns; j += 1, k += 1) result[k] = values[k]! - means[j]!
  }
  return result
}

/** A·Bᵀ for A [n, d] and B [m, d]: [n, m] row-major. Two by two rows at a time, so that each load serves twice. */
export function timesTransposed(a: Float64Array, n: number, b: Float64Array, m: number, d: number): Float64Array {
  const product = new Float64Array(n * m)
  for (let i = 0; i < n; i += 2) {
    const a0 = i * d
    const a1 = Math.min(i + 1, n - 1) * d
    for (let j = 0; j < m; j += 2) {
      const b0 = j * d
      const b1 = Math.min(j + 1, m - 1) * d
      let s00 = 0
      let s01 = 0
      let s10 = 0
      let s11 = 0
      for (let k = 0; k < d; k += 1) {
        const x0 = a[a0 + k]!
        const x1 = a[a1 + k]!
        const y0 = b[b0 + k]!
        const y1 = b[b1 + k]!
        s00 += x0 * y0
        s01 += x0 * y1
        s10 += x1 * y0
        s11 += x1 * y1
      }
      product[i * m + j] = s00
      if (j + 1 < m) product[i * m + j + 1] = s01
      if (i + 1 < n) product[(i + 1) * m + j] = s10
      if (i + 1 < n && j + 1 < m) product[(i + 1) * m + j + 1] = s11
    }
  }
  return product
}

/** Σ of squares: the squared Frobenius norm. */
export function squaredNorm(values: Float64Array): number {
  let sum = 0
  for (const value of values) sum += value * value
  return sum
}
