/**
 * What each image contributes to the Fréchet distance, so that FID can ride along in the paired bootstrap.
 *
 * Recomputing FID 2,000 times would need 2,000 eigendecompositions, and resamples with repeated rows would be biased
 * upwards besides. Instead the point estimate is exact and a resample moves it by the mean of its images' influences:
 * FID* = FID + mean*(influence), the linear term of the von Mises expansion (Efron & Tibshirani 1993, chapter 21).
 *
 * With Y = X_c·L, L·Lᵀ = Σ_r, M = Yᵀ·Y/(n − 1) and T = tr √M (so that FID = |δ|² + tr Σ + tr Σ_r − 2T):
 * influence_i = 2·δ·x_i + |x_i|² − tr Σ − y_iᵀ·M^(−½)·y_i + T.
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { centred, columnMeans, timesTransposed } from '../../metrics/linear'

/**
 * Influence of each of the n images on FID, mean 0. `features` [n, d] and `reference` [m, d], row-major, n, m ≥ 2.
 * The decomposition is d × d or n × n, whichever is smaller.
 */
export function frechetInfluence(features: Float32Array, n: number, reference: Float32Array, m: number, d: number): Float64Array {
  const [meanA, meanB] = [columnMeans(features, n, d), columnMeans(reference, m, d)]
  const a = centred(features, n, d, meanA)
  const b = centred(reference, m, d, meanB)
  const root = rootTerms(a, n, b, m, d)
  const influence = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    let linear = 0
    let square = 0
    for (let j = 0; j < d; j++) {
      const x = a[i * d + j] ?? 0
      linear += ((meanA[j] ?? 0) - (meanB[j] ?? 0)) * x
      square += x * x
    }
    influence[i] = 2 * linear + square - (root[i] ?? 0)
  }
  // The constants − tr Σ + T are the negative mean of the rest.
  const mean = influence.reduce((sum, value) => sum + value, 0) / n
  return influence.map((value) => value - mean)
}

/** y_iᵀ·M^(−½)·y_i for every image. */
function rootTerms(a: Float64Array, n: number, b: Float64Array, m: number, d: number): Float64Array {
  const terms = new Float64Array(n)
  if (n <= d) {
    // Y·Yᵀ = U·S²·Uᵀ = G·Gᵀ with G = A·Bᵀ/√(m − 1): then the term is √(n − 1)·Σ_k U_ik²·s_k.
    const g = timesTransposed(a, n, b, m, d).map((value) => value / Math.sqrt(m - 1))
    const { values, vectors } = symmetricEigen(timesTransposed(g, n, g, n, m), n)
    for (let k = 0; k < n; k++) {
      const s = Math.sqrt(Math.max(0, values[k] ?? 0))
      for (let i = 0; i < n; i++) terms[i] = (terms[i] ?? 0) + Math.sqrt(n - 1) * s * vectors.get(i, k) ** 2
    }
    return terms
  }
  const reference = symmetricEigen(gram(b, m, d), d)
  // L = V·√Λ; Y = A·L, row-major [n, d].
  const factor = new Float64Array(d * d)
  for (let k = 0; k < d; k++) {
    const scale = Math.sqrt(Math.max(0, reference.values[k] ?? 0) / (m - 1))
    for (let j = 0; j < d; j++) factor[k * d + j] = reference.vectors.get(j, k) * scale
  }
  const y = timesTransposed(a, n, factor, d, d)
  const { values, vectors } = symmetricEigen(gram(y, n, d), d)
  const transposed = new Float64Array(d * d)
  for (let k = 0; k < d; k++) for (let j = 0; j < d; j++) transposed[k * d + j] = vectors.get(j, k)
  const projected = timesTransposed(y, n, transposed, d, d)
  const smallest = Math.max(...values) * 1e-12
  for (let k = 0; k < d; k++) {
    const value = values[k] ?? 0
    if (value <= smallest) continue
    const scale = Math.sqrt((n - 1) / value)
    for (let i = 0; i < n; i++) terms[i] = (terms[i] ?? 0) + scale * (projected[i * d + k] ?? 0) ** 2
  }
  return terms
}

/** Xᵀ·X for X [n, d]. */
function gram(x: Float64Array, n: number, d: number): Float64Array {
  const transposed = new Float64Array(n * d)
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) transposed[j * n + i] = x[i * d + j] ?? 0
  return timesTransposed(transposed, d, transposed, d, n)
}

function symmetricEigen(values: Float64Array, size: number): { values: number[]; vectors: Matrix } {
  const decomposition = new EigenvalueDecomposition(Matrix.from1DArray(size, size, values), { assumeSymmetric: true })
  return { values: decomposition.realEigenvalues, vectors: decomposition.eigenvectorMatrix }
}
