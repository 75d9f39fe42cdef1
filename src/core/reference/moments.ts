/** Mean and covariance as a matrix of features that has exactly these, so that one formula serves both references. */
import { SpqrError } from '../contracts'

/** Share of the largest variance below which a remaining one is rounding. */
const NEGLIGIBLE = 1e-10
/** Largest difference of the two halves, in shares of the largest variance. */
const ASYMMETRY = 1e-5

/**
 * Rows [2·rank, d] whose mean is μ and whose covariance (ddof 1) is Σ: with Σ = L·Lᵀ, the rows μ ± √((2·rank − 1)/2)·l
 * for each column l of L.
 * @param sigma row-major [d, d], symmetric
 * @throws SpqrError BAD_INPUT when Σ is no covariance
 */
export function featuresOfMoments(mu: ArrayLike<number>, sigma: Float64Array, d: number): Float32Array {
  assertSymmetric(sigma, d)
  const columns = choleskyColumns(sigma, d)
  const rank = Math.max(1, columns.length)
  const scale = Math.sqrt((2 * rank - 1) / 2)
  const rows = new Float32Array(2 * rank * d)
  for (let k = 0; k < rank; k += 1) {
    for (let j = 0; j < d; j += 1) {
      const offset = scale * (columns[k]?.[j] ?? 0)
      rows[2 * k * d + j] = (mu[j] ?? 0) + offset
      rows[(2 * k + 1) * d + j] = (mu[j] ?? 0) - offset
    }
  }
  return rows
}

/** A covariance is symmetric but for rounding; of another only one half would be read. */
function assertSymmetric(sigma: Float64Array, d: number): void {
  let largest = 0
  for (let i = 0; i < d; i += 1) largest = Math.max(largest, Math.abs(sigma[i * d + i]!))
  for (let i = 0; i < d; i += 1)
    for (let j = 0; j < i; j += 1)
      if (Math.abs(sigma[i * d + j]! - sigma[j * d + i]!) > ASYMMETRY * largest)
        throw new SpqrError(
          'BAD_INPUT',
          `The reference's covariance is not symmetric (row ${i + 1}, column ${j + 1}), so it is the covariance of no pictures.`,
          'Compute mean and covariance again.',
        )
}

/**
 * Columns of L with Σ = L·Lᵀ by Cholesky's decomposition with pivoting (Higham, Analysis of the Cholesky decomposition
 * of a semi-definite matrix, 1990), which ends at the rank: covariances of fewer images than features are singular.
 */
function choleskyColumns(sigma: Float64Array, d: number): Float64Array[] {
  const rest = Float64Array.from({ length: d }, (_, i) => sigma[i * d + i] ?? 0)
  const largest = Math.max(...rest)
  // Rows of L, so that the products run along memory.
  const rows = Array.from({ length: d }, () => new Float64Array(d))
  const columns: Float64Array[] = []
  const open = new Set(Array.from({ length: d }, (_, i) => i))
  for (let k = 0; k < d; k += 1) {
    let pivot = -1
    for (const i of open) if (pivot < 0 || (rest[i] ?? 0) > (rest[pivot] ?? 0)) pivot = i
    const variance = rest[pivot] ?? 0
    if (!(variance > NEGLIGIBLE * largest)) break
    const root = Math.sqrt(variance)
    const own = rows[pivot] ?? new Float64Array(d)
    const column = new Float64Array(d)
    open.delete(pivot)
    column[pivot] = root
    own[k] = root
    for (const i of open) {
      const row = rows[i] ?? own
      let sum = sigma[i * d + pivot] ?? 0
      for (let j = 0; j < k; j += 1) sum -= row[j]! * own[j]!
      const value = sum / root
      row[k] = value
      column[i] = value
      rest[i] = (rest[i] ?? 0) - value * value
    }
    columns.push(column)
  }
  for (const i of open) {
    if ((rest[i] ?? 0) < -1e-6 * largest) {
      throw new SpqrError(
        'BAD_INPUT',
        "The reference's covariance is not positive semi-definite, so it is the covariance of no pictures.",
        'Compute mean and covariance again.',
      )
    }
  }
  return columns
}
