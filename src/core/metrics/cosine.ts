import { SpqrError } from '../contracts'

/**
 * Cosine of two embeddings, −1 to 1: the raw CLIP score, which SPQR's P averages.
 * @throws SpqrError BAD_INPUT for embeddings of different length, zero length or with a value that is no number
 */
export function cosineSimilarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i += 1) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0]
    product += x * y
    aa += x * x
    bb += y * y
  }
  const cosine = product / (Math.sqrt(aa) * Math.sqrt(bb))
  if (a.length !== b.length || !Number.isFinite(cosine)) {
    throw new SpqrError(
      'BAD_INPUT',
      `No cosine exists between these embeddings of ${a.length} and ${b.length} values.`,
      'Leave failed images out, and take image and text embeddings from the same model.',
    )
  }
  return Math.max(-1, Math.min(1, cosine))
}
