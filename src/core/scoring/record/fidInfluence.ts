/**
 * What each image contributes to the Fréchet distance, so that FID can ride along in the paired bootstrap.
 *
 * Recomputing FID 2,000 times would need 2,000 eigendecompositions, and resamples with repeated rows would be biased
 * upwards besides. Instead the point estimate is exact and a resample moves it by the mean of its images' influences,
 * FID* = FID + mean*(influence): the linear term of the von Mises expansion (Efron & Tibshirani 1993, chapters 11, 21).
 * The influences are the jackknife's, (n − 1)·(FID − FID without image i), computed exactly; above EXACT_LIMIT, where
 * the two agree, they are the infinitesimal ones.
 *
 * With X_c the centred features, Y = X_c·L, L·Lᵀ = Σ_r, Yᵀ·Y = V·D·Vᵀ, C = Y·V and T = Σ√(D/(n − 1)):
 * FID = |δ|² + tr Σ + tr Σ_r − 2T. Leaving image i out changes D to the eigenvalues of D − n/(n − 1)·c_i·c_iᵀ, a
 * rank-one downdate, whose roots lie one in each gap of D (Golub 1973).
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { centred, columnMeans, squaredNorm, timesTransposed } from '../../metrics/linear'

/** Largest n·rank² for which every image is left out exactly (about 0.2 s). */
const EXACT_LIMIT = 2_500_000

/** C [n, rank] row-major and D, ascending, without the null space. */
interface Coordinates {
  values: Float64Array
  rows: Float64Array
}

/** Influence of each of the n images on FID, mean 0. `features` [n, d] and `reference` [m, d], row-major, n ≥ 3, m ≥ 2. */
export function frechetInfluence(
  features: Float32Array,
  n: number,
  reference: Float32Array,
  m: number,
  d: number,
  exactLimit = EXACT_LIMIT,
): Float64Array {
  const [meanA, meanB] = [columnMeans(features, n, d), columnMeans(reference, m, d)]
  const a = centred(features, n, d, meanA)
  const coordinates = rootCoordinates(a, n, centred(reference, m, d, meanB), m, d)
  const shift = meanA.map((value, j) => value - (meanB[j] ?? 0))
  const rank = coordinates.values.length
  const raw =
    n >= 3 && n * rank * rank <= exactLimit
      ? leaveOneOut(a, n, d, shift, coordinates)
      : infinitesimal(a, n, d, shift, coordinates)
  const mean = raw.reduce((sum, value) => sum + value, 0) / n
  return raw.map((value) => value - mean)
}

/** −(n − 1)·(FID without image i), up to a constant. */
function leaveOneOut(
  a: Float64Array,
  n: number,
  d: number,
  shift: Float64Array,
  { values, rows }: Coordinates,
): Float64Array {
  const rank = values.length
  const scatter = squaredNorm(a)
  const squares = new Float64Array(rank)
  return Float64Array.from({ length: n }, (_, i) => {
    const { linear, square } = moments(a, i, d, shift)
    for (let k = 0; k < rank; k++) squares[k] = (n / (n - 1)) * (rows[i * rank + k] ?? 0) ** 2
    let root = 0
    for (let k = 0; k < rank; k++) root += Math.sqrt(downdatedEigenvalue(values, squares, k))
    // δ loses x_i/(n − 1); |δ|² alone is constant and drops out in the centring.
    const means = (-2 * linear) / (n - 1) + square / (n - 1) ** 2
    const traces = (scatter - (n / (n - 1)) * square) / (n - 2)
    return -(n - 1) * (means + traces - (2 * root) / Math.sqrt(n - 2))
  })
}

/** The k-th root of 1 = Σ s_j/(D_j − λ): the only one between D_{k−1} (0 for the first) and D_k, by bisection. */
function downdatedEigenvalue(values: Float64Array, squares: Float64Array, k: number): number {
  let low = k === 0 ? 0 : (values[k - 1] ?? 0)
  let high = values[k] ?? 0
  const precision = 1e-13 * (values[values.length - 1] ?? 0)
  while (high - low > precision) {
    const middle = (low + high) / 2
    let sum = 0
    for (let j = 0; j < values.length; j++) sum += (squares[j] ?? 0) / ((values[j] ?? 0) - middle)
    if (sum < 1) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** 2·δ·x_i + |x_i|² − y_iᵀ·M^(−½)·y_i with M = Yᵀ·Y/(n − 1), up to a constant. */
function infinitesimal(
  a: Float64Array,
  n: number,
  d: number,
  shift: Float64Array,
  { values, rows }: Coordinates,
): Float64Array {
  const rank = values.length
  return Float64Array.from({ length: n }, (_, i) => {
    const { linear, square } = moments(a, i, d, shift)
    let root = 0
    for (let k = 0; k < rank; k++) root += (rows[i * rank + k] ?? 0) ** 2 / Math.sqrt(values[k] ?? 1)
    return 2 * linear + square - Math.sqrt(n - 1) * root
  })
}

function moments(a: Float64Array, i: number, d: number, shift: Float64Array): { linear: number; square: number } {
  let linear = 0
  let square = 0
  for (let j = 0; j < d; j++) {
    const x = a[i * d + j] ?? 0
    linear += (shift[j] ?? 0) * x
    square += x * x
  }
  return { linear, square }
}

/** From a d × d or an n × n decomposition, whichever is smaller. */
function rootCoordinates(a: Float64Array, n: number, b: Float64Array, m: number, d: number): Coordinates {
  if (n <= d) {
    // Y·Yᵀ = U·D·Uᵀ = G·Gᵀ with G = A·Bᵀ/√(m − 1), and C = U·√D.
    const g = timesTransposed(a, n, b, m, d).map((value) => value / Math.sqrt(m - 1))
    const { values, vectors, rank } = symmetricEigen(timesTransposed(g, n, g, n, m), n)
    const rows = Float64Array.from(
      { length: n * rank },
      (_, at) => vectors.get(Math.floor(at / rank), n - rank + (at % rank)) * Math.sqrt(values[at % rank] ?? 0),
    )
    return { values, rows }
  }
  const real = symmetricEigen(gram(b, m, d), d)
  // L = V·√Λ of the reference; Y = A·L, row-major [n, rank].
  const factor = Float64Array.from({ length: real.rank * d }, (_, at) => {
    const k = Math.floor(at / d)
    return real.vectors.get(at % d, d - real.rank + k) * Math.sqrt((real.values[k] ?? 0) / (m - 1))
  })
  const y = timesTransposed(a, n, factor, real.rank, d)
  const { values, vectors, rank } = symmetricEigen(gram(y, n, real.rank), real.rank)
  const basis = Float64Array.from({ length: rank * real.rank }, (_, at) =>
    vectors.get(at % real.rank, real.rank - rank + Math.floor(at / real.rank)),
  )
  return { values, rows: timesTransposed(y, n, basis, rank, real.rank) }
}

/** Xᵀ·X for X [n, d]. */
function gram(x: Float64Array, n: number, d: number): Float64Array {
  const transposed = new Float64Array(n * d)
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) transposed[j * n + i] = x[i * d + j] ?? 0
  return timesTransposed(transposed, d, transposed, d, n)
}

/** Eigenvalues above rounding, ascending; their vectors are the last `rank` columns. */
function symmetricEigen(entries: Float64Array, size: number): { values: Float64Array; vectors: Matrix; rank: number } {
  const decomposition = new EigenvalueDecomposition(Matrix.from1DArray(size, size, entries), { assumeSymmetric: true })
  const all = decomposition.realEigenvalues
  const smallest = Math.max(0, all[size - 1] ?? 0) * 1e-12
  const values = Float64Array.from(all.filter((value) => value > smallest))
  return { values, vectors: decomposition.eigenvectorMatrix, rank: values.length }
}
