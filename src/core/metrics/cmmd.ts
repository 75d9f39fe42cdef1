import { SpqrError } from '../contracts'
import { checkFeatures } from './inputs'
import { timesTransposed } from './linear'

/** Bandwidth and scale of the paper's code. */
const SIGMA = 10
const SCALE = 1000

/**
 * CMMD (Jayasumana et al., CVPR 2024): biased squared MMD with the Gaussian kernel exp(−|x − y|²/2σ²), σ 10, times
 * 1000, of embeddings scaled to unit length. The paper's embeddings are CLIP ViT-L/14 at 336 pixels.
 * @param embeddings row-major [n, d]
 * @param reference row-major [m, d]
 */
export function cmmd(embeddings: Float32Array, n: number, reference: Float32Array, m: number, d: number): number {
  checkFeatures(embeddings, n, d, 'embeddings', 1)
  checkFeatures(reference, m, d, 'reference embeddings', 1)
  const a = unitRows(embeddings, n, d)
  const b = unitRows(reference, m, d)
  return SCALE * (meanKernel(a, n, a, n, d) + meanKernel(b, m, b, m, d) - 2 * meanKernel(a, n, b, m, d))
}

function unitRows(values: Float32Array, rows: number, d: number): Float64Array {
  const result = Float64Array.from(values)
  for (let i = 0; i < rows; i += 1) {
    const row = result.subarray(i * d, (i + 1) * d)
    const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0))
    if (length === 0) {
      throw new SpqrError('BAD_INPUT', `Embedding ${i} is zero, so it has no direction.`, 'Leave failed images out.')
    }
    for (let j = 0; j < d; j += 1) row[j] = (row[j] ?? 0) / length
  }
  return result
}

/** Rows have unit length, so |x − y|² = 2 − 2x·y. */
function meanKernel(a: Float64Array, n: number, b: Float64Array, m: number, d: number): number {
  const products = timesTransposed(a, n, b, m, d)
  let sum = 0
  for (const product of products) sum += Math.exp((product - 1) / (SIGMA * SIGMA))
  return sum / (n * m)
}
