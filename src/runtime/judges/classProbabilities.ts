/** From what a classifier's graph gives to probabilities, whether it ends in Softmax or not. */
import { SpqrError, type ClassifierJudge } from '../../core/contracts'
import { exactExp } from '../../core/exact'

function softmax(logits: Float32Array): number[] {
  const largest = Math.max(...logits)
  const powers = Array.from(logits, (x) => exactExp(x - largest))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((power) => power / sum)
}

/** Whether a row is a distribution already. */
function isDistribution(row: Float32Array, tolerance: number): boolean {
  const sum = row.reduce((total, value) => total + value, 0)
  return Math.abs(sum - 1) <= tolerance && row.every((value) => value >= -tolerance && value <= 1 + tolerance)
}

/**
 * How a classifier's rows become probabilities. A graph that ends in Softmax and a card that says `logits` would be
 * squeezed twice and look unsure of everything, and the other way round: both are refused.
 * @throws SpqrError GRAPH_MISMATCH
 */
export function classProbabilities(
  { id, output = 'logits' }: ClassifierJudge,
  values: readonly Float32Array[],
): (row: Float32Array) => number[] {
  const numbers = values.filter((row) => row.every(Number.isFinite))
  if (output === 'probabilities') {
    if (numbers.every((row) => isDistribution(row, 1e-3)))
      return (row) => Array.from(row, (x) => Math.min(1, Math.max(0, x)))
    throw new SpqrError(
      'GRAPH_MISMATCH',
      `Judge ${id} is described as giving probabilities, and its values do not add up to 1.`,
      'Take "output" out of its description: the graph gives logits.',
    )
  }
  if (numbers.length === 0 || !numbers.every((row) => isDistribution(row, 1e-6))) return softmax
  throw new SpqrError(
    'GRAPH_MISMATCH',
    `Judge ${id} is described as giving logits, and its values are probabilities already.`,
    'Write "output": "probabilities" into its description.',
  )
}
