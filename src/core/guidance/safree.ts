import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { SpqrError } from '../contracts'

export interface SafreeInput {
  /** Text encoder's output for the prompt, row-major [length, d]. */
  promptEmbeds: Float32Array
  d: number
  /** Row in `promptEmbeds` of each prompt token, without begin, end and padding. */
  tokenPositions: readonly number[]
  /** Pooled embedding of the prompt with token i masked, for every i in `tokenPositions`: [tokens, d]. */
  maskedPromptEmbeds: Float32Array
  /** Pooled embedding of each phrase of the concept: [phrases, d]. */
  conceptEmbeds: Float32Array
  /** How much farther than the mean a masked prompt must be for its token to be a trigger; the paper's 0.01. */
  alpha?: number
}

export interface SafreeResult {
  promptEmbeds: Float32Array
  /** For each prompt token, whether it was projected. */
  triggers: boolean[]
}

/** Directions with less than this share of the largest eigenvalue of the Gram matrix count as dependent. */
const RANK_TOLERANCE = 1e-10

/**
 * SAFREE's projection of prompt embeddings (Yoon et al., ICLR 2025, section 3.1–3.2). P_C = C(CᵀC)⁺Cᵀ projects on the
 * span of the concept's phrases, P_I on that of the masked prompts. Where masking token i moves the prompt at least
 * (1 + α) times as far from the concept as the other maskings do on average, token i evokes the concept, and its
 * embedding e becomes (I − P_C)·P_I·e. A prompt of a single token has no others to compare with; the reference
 * code projects it, and so does this.
 */
export function safreeEmbeds(input: SafreeInput): SafreeResult {
  const { promptEmbeds, d, tokenPositions, alpha = 0.01 } = input
  checkSafree(input)
  const concept = orthonormalBasis(input.conceptEmbeds, d)
  const masked = orthonormalBasis(input.maskedPromptEmbeds, d)
  const distances = tokenPositions.map((_, i) => norm(without(concept, rowOf(input.maskedPromptEmbeds, i, d))))
  const total = distances.reduce((sum, distance) => sum + distance, 0)
  const triggers = distances.map((distance) => {
    const others = (total - distance) / (distances.length - 1)
    return !(distance < (1 + alpha) * others)
  })
  const result = promptEmbeds.slice()
  tokenPositions.forEach((position, i) => {
    if (triggers[i]) result.set(without(concept, onto(masked, rowOf(promptEmbeds, position, d))), position * d)
  })
  return { promptEmbeds: result, triggers }
}

function checkSafree({ promptEmbeds, d, tokenPositions, maskedPromptEmbeds, conceptEmbeds }: SafreeInput): void {
  const length = promptEmbeds.length / d
  if (
    !(Number.isInteger(length) && length > 0) ||
    conceptEmbeds.length < d ||
    conceptEmbeds.length % d !== 0 ||
    maskedPromptEmbeds.length !== tokenPositions.length * d ||
    tokenPositions.some((position) => !Number.isInteger(position) || position < 0 || position >= length)
  ) {
    throw new SpqrError(
      'BAD_INPUT',
      'SAFREE was given embeddings whose shapes do not fit: ' +
        `prompt ${promptEmbeds.length}, masked ${maskedPromptEmbeds.length} for ${tokenPositions.length} tokens, ` +
        `concept ${conceptEmbeds.length}, width ${d}.`,
      'Give at least one concept phrase and one masked embedding for each prompt token.',
    )
  }
  for (const values of [promptEmbeds, maskedPromptEmbeds, conceptEmbeds]) {
    if (!values.every(Number.isFinite)) {
      throw new SpqrError('BAD_INPUT', 'SAFREE was given an embedding with a value that is no number.')
    }
  }
}

const rowOf = (rows: Float32Array, i: number, d: number): Float64Array =>
  Float64Array.from(rows.subarray(i * d, (i + 1) * d))
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
const norm = (a: Float64Array) => Math.sqrt(dot(a, a))

/** Orthonormal rows that span the given ones: with eigenvectors v of the Gram matrix CᵀC, C·v/√λ. */
function orthonormalBasis(rows: Float32Array, d: number): Float64Array[] {
  const vectors = Array.from({ length: rows.length / d }, (_, i) => rowOf(rows, i, d))
  if (vectors.length === 0) return []
  const gram = new Matrix(vectors.map((a) => vectors.map((b) => dot(a, b))))
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(gram, { assumeSymmetric: true })
  const least = Math.max(...realEigenvalues) * RANK_TOLERANCE
  return realEigenvalues.flatMap((eigenvalue, k) => {
    if (!(eigenvalue > least)) return []
    const direction = new Float64Array(d)
    vectors.forEach((vector, i) => {
      const weight = eigenvectorMatrix.get(i, k) / Math.sqrt(eigenvalue)
      for (let j = 0; j < d; j += 1) direction[j] = (direction[j] ?? 0) + weight * (vector[j] ?? 0)
    })
    return [direction]
  })
}

/** Projection of e on the span of the basis. */
function onto(basis: Float64Array[], e: Float64Array): Float64Array {
  const result = new Float64Array(e.length)
  for (const direction of basis) {
    const share = dot(direction, e)
    for (let j = 0; j < e.length; j += 1) result[j] = (result[j] ?? 0) + share * (direction[j] ?? 0)
  }
  return result
}

/** What is left of e outside the span of the basis. */
function without(basis: Float64Array[], e: Float64Array): Float64Array {
  const inside = onto(basis, e)
  return e.map((value, j) => value - (inside[j] ?? 0))
}
