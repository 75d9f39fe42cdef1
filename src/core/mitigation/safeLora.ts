/**
 * Safe LoRA (Hsu et al., NeurIPS 2024, arXiv 2405.16833): with V = W_aligned − W_base and C = VVᵀ/‖V‖_F, a change ΔW whose
 * cosine with CΔW is at most τ is replaced by CΔW. C is no projector (its eigenvalues are squares of V's singular values
 * over ‖V‖_F), so UUᵀ over V's left singular vectors is offered beside it. Weights that alignment left alone stay.
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'

/** Directions with less than this share of the largest eigenvalue of VVᵀ count as none. */
const RANK_TOLERANCE = 1e-10

/** C or UUᵀ of V [rows, n]; null where V is zero. */
export function alignmentProjection(
  difference: Float32Array,
  rows: number,
  kind: 'published' | 'projector',
): Float64Array | null {
  const n = difference.length / rows
  const gram = new Float64Array(rows * rows)
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0
      for (let k = 0; k < n; k++) sum += difference[i * n + k]! * difference[j * n + k]!
      gram[i * rows + j] = gram[j * rows + i] = sum
    }
  }
  let trace = 0
  for (let i = 0; i < rows; i++) trace += gram[i * rows + i]!
  if (!(trace > 0)) return null
  if (kind === 'published') return gram.map((value) => value / Math.sqrt(trace))
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(Matrix.from1DArray(rows, rows, gram), {
    assumeSymmetric: true,
  })
  const least = Math.max(...realEigenvalues) * RANK_TOLERANCE
  const projector = new Float64Array(rows * rows)
  realEigenvalues.forEach((eigenvalue, k) => {
    if (!(eigenvalue > least)) return
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < rows; j++)
        projector[i * rows + j]! += eigenvectorMatrix.get(i, k) * eigenvectorMatrix.get(j, k)
  })
  return projector
}

/** C·M for M [rows, columns], in double precision, rounded once. */
export function project(projection: Float64Array, matrix: Float32Array, rows: number): Float32Array {
  const columns = matrix.length / rows
  const result = new Float32Array(matrix.length)
  const line = new Float64Array(columns)
  for (let i = 0; i < rows; i++) {
    line.fill(0)
    for (let k = 0; k < rows; k++) {
      const factor = projection[i * rows + k]!
      if (factor === 0) continue
      for (let j = 0; j < columns; j++) line[j]! += factor * matrix[k * columns + j]!
    }
    result.set(line, i * columns)
  }
  return result
}

/** Cosine of two matrices as vectors; 1 where one is zero, since there is nothing to change. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, squareA, squareB] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!
    squareA += a[i]! * a[i]!
    squareB += b[i]! * b[i]!
  }
  return squareA > 0 && squareB > 0 ? dot / Math.sqrt(squareA * squareB) : 1
}
