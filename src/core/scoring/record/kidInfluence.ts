/** What each image contributes to the kernel distance (KID), for its interval. */
import { cubicKernel } from '../../metrics/kernel'
import { timesTransposed } from '../../metrics/linear'

/**
 * First-order influence of each of the n images on the squared MMD with kernel (x·y/d + 1)³:
 * 2·(mean_j k(x_i, x_j) − mean_j k(x_i, y_j)), j ≠ i, centred. Row-major features [n, d] and reference [m, d].
 */
export function kernelInfluence(
  features: Float32Array,
  n: number,
  reference: Float32Array,
  m: number,
  d: number,
): Float64Array {
  const a = Float64Array.from(features.subarray(0, n * d))
  const b = Float64Array.from(reference.subarray(0, m * d))
  const rowMeans = (products: Float64Array, width: number, skipDiagonal: boolean) => {
    const means = new Float64Array(n)
    for (let i = 0; i < n; i++) {
      let sum = 0
      for (let j = 0; j < width; j++) if (!skipDiagonal || i !== j) sum += cubicKernel(products[i * width + j] ?? 0, d)
      means[i] = sum / (skipDiagonal ? width - 1 : width)
    }
    return means
  }
  const within = rowMeans(timesTransposed(a, n, a, n, d), n, true)
  const between = rowMeans(timesTransposed(a, n, b, m, d), m, false)
  const raw = within.map((value, i) => 2 * (value - (between[i] ?? 0)))
  const mean = raw.reduce((sum, value) => sum + value, 0) / n
  return raw.map((value) => value - mean)
}
