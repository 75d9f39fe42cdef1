import { checkFeatures } from './inputs'
import { centred, columnMeans, crossNuclearNorm, squaredNorm } from './linear'

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
  features: Float32Array, n: number, reference: Float32Array, m: number, d: number,
): number {
  checkFeatures(features, n, d, 'features')
  checkFeatures(reference, m, d, 'reference features')
  const [meanA, meanB] = [columnMeans(features, n, d), columnMeans(reference, m, d)]
  const a = centred(features, n, d, meanA)
  const b = centred(reference, m, d, meanB)
  let means = 0
  for (let j = 0; j < d; j += 1) means += ((meanA[j] ?? 0) - (meanB[j] ?? 0)) ** 2
  const traces = squaredNorm(a) / (n - 1) + squaredNorm(b) / (m - 1)
  const root = crossNuclearNorm(a, n, b, m, d) / Math.sqrt((n - 1) * (m - 1))
  return means + traces - 2 * root
}
