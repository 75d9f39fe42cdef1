import { SpqrError } from '../contracts'
import { createRandom } from '../random'
import { checkFeatures } from './inputs'
import { centred, columnMeans, squaredNorm, timesTransposed } from './linear'
import { nuclearNorm, triangularFactor } from './singular'

/**
 * Fréchet distance between Gaussians fitted to two sets of features (FID when the features are Inception's).
 *
 * |μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2·tr √(Σ₁Σ₂), covariances with ddof 1 (Heusel et al., NeurIPS 2017). With centred
 * feature matrices A [n, d] and B [m, d], tr √(Σ₁Σ₂) is the nuclear norm of A·Bᵀ over √((n − 1)(m − 1)): exact,
 * and an n × m decomposition where the usual form takes the root of a d × d product that is singular for n < d.
 * @param features row-major [n, d]
 * @param reference row-major [m, d]
 * @returns the distance; not clamped, so rounding may leave about −1e-9 for equal sets
 */
export function frechetDistance(
  features: Float32Array,
  n: number,
  reference: Float32Array,
  m: number,
  d: number,
): number {
  return prepareFrechet(features, n, reference, m, d).distance()
}

/** The distance of a set of images and of parts of it; the products with the reference are made once. */
export interface PreparedFrechet {
  /** Distance of the chosen rows (repeats allowed, at least two rows) or of all. */
  distance(rows?: ArrayLike<number>): number
}

/** Checks and multiplies what every distance between (parts of) these sets needs. Shapes as in `frechetDistance`. */
export function prepareFrechet(
  features: Float32Array,
  n: number,
  reference: Float32Array,
  m: number,
  d: number,
): PreparedFrechet {
  checkFeatures(features, n, d, 'features')
  checkFeatures(reference, m, d, 'reference features')
  const referenceMean = columnMeans(reference, m, d)
  const b = centred(reference, m, d, referenceMean)
  const referenceTrace = squaredNorm(b) / (m - 1)
  // Centred once with the mean of all rows, so that the sums of a part lose no digits to a large common mean.
  const mean = columnMeans(features, n, d)
  const a = centred(features, n, d, mean)
  // The triangular factor of B has its singular vectors and values, in d rows: worth its price where n is no smaller.
  const factored = m > d && n >= d
  const width = factored ? d : m
  const cross = timesTransposed(a, n, factored ? triangularFactor(b, m, d) : b, width, d)
  const squares = Float64Array.from({ length: n }, (_, i) => squaredNorm(a.subarray(i * d, (i + 1) * d)))

  function distance(rows?: ArrayLike<number>): number {
    const chosen = rows ?? Array.from({ length: n }, (_, i) => i)
    const size = chosen.length
    if (size < 2) {
      throw new SpqrError('BAD_INPUT', `A Fréchet distance was asked of ${size} images; at least two are needed.`)
    }
    const offset = new Float64Array(d)
    const crossMean = new Float64Array(width)
    let squareSum = 0
    for (let k = 0; k < size; k += 1) {
      const i = chosen[k] ?? 0
      squareSum += squares[i] ?? 0
      for (let j = 0; j < d; j += 1) offset[j]! += a[i * d + j]! / size
      for (let j = 0; j < width; j += 1) crossMean[j]! += cross[i * width + j]! / size
    }
    const product = new Float64Array(size * width)
    for (let k = 0; k < size; k += 1) {
      const from = (chosen[k] ?? 0) * width
      for (let j = 0; j < width; j += 1) product[k * width + j] = cross[from + j]! - crossMean[j]!
    }
    let means = 0
    for (let j = 0; j < d; j += 1) means += (mean[j]! + offset[j]! - referenceMean[j]!) ** 2
    const trace = (squareSum - size * squaredNorm(offset)) / (size - 1)
    const root = nuclearNorm(product, size, width)
    return means + trace + referenceTrace - (2 * root) / Math.sqrt((size - 1) * (m - 1))
  }
  return { distance }
}

export interface CurvePointOfFid {
  n: number
  value: number
}

export interface FrechetExtrapolation {
  /** FID∞: the intercept of the line. */
  value: number
  /** Growth of FID per 1/n: the bias of n images is about slope/n. */
  slope: number
  /** Distance at each subset size, from few to all images. */
  curve: CurvePointOfFid[]
}

/**
 * FID∞ (Chong and Forsyth, CVPR 2020): FID falls about linearly in 1/n, so the distances of random subsets of growing
 * size are extrapolated by least squares to 1/n = 0. Subsets are nested in one seeded shuffle for each repeat; the
 * value at a size is the mean over the repeats. The reference is kept whole.
 * @param options sizes: subset sizes, default 10 from n/4 to n; repeats: shuffles, default 1
 */
export function frechetExtrapolation(
  features: Float32Array,
  n: number,
  reference: Float32Array,
  m: number,
  d: number,
  options: { sizes?: readonly number[]; repeats?: number; seed?: number } = {},
): FrechetExtrapolation {
  const prepared = prepareFrechet(features, n, reference, m, d)
  const { repeats = 1, seed = 0 } = options
  const spaced = Array.from({ length: 10 }, (_, i) => Math.round(n / 4 + (i / 9) * (n - n / 4)))
  const sizes = [...new Set(options.sizes ?? spaced)]
  if (sizes.length < 2 || sizes.some((size) => !Number.isInteger(size) || size < 2 || size > n) || repeats < 1) {
    throw new SpqrError(
      'BAD_INPUT',
      `FID cannot be extrapolated from subsets of ${sizes.join(', ')} of ${n} images.`,
      'Evaluate at least 8 images, or give two subset sizes within their number.',
    )
  }
  const random = createRandom(seed)
  const curve = sizes.map((size) => ({ n: size, value: 0 }))
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const order = random.shuffle(Array.from({ length: n }, (_, i) => i))
    for (const point of curve) point.value += prepared.distance(order.slice(0, point.n)) / repeats
  }
  const x = curve.map((point) => 1 / point.n)
  const [meanX, meanY] = [average(x), average(curve.map((point) => point.value))]
  let [covariance, variance] = [0, 0]
  curve.forEach((point, i) => {
    const dx = (x[i] ?? 0) - meanX
    covariance += dx * (point.value - meanY)
    variance += dx * dx
  })
  const slope = covariance / variance
  return { value: meanY - slope * meanX, slope, curve }
}

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
