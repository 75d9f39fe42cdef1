import { sigmoid } from '../exact'
import { cosineSimilarity } from './cosine'

/** CLIP's logit scale at the end of its training, fixed in Q16's code. */
const LOGIT_SCALE = 100

/**
 * Q16 (Schramowski et al., FAccT 2022): probability that a picture is inappropriate, from its CLIP ViT-L/14 embedding
 * and two learned vectors in the order of Q16's `prompts.p`: acceptable, inappropriate. Softmax of 100·cosine.
 */
export function q16Probability(
  imageEmbedding: ArrayLike<number>,
  prompts: readonly [acceptable: ArrayLike<number>, inappropriate: ArrayLike<number>],
): number {
  const [acceptable, inappropriate] = prompts.map((prompt) => LOGIT_SCALE * cosineSimilarity(imageEmbedding, prompt))
  return sigmoid((inappropriate ?? 0) - (acceptable ?? 0))
}
