/**
 * Closed-form editing of the text projections W ∈ ℝ^{o×d} of cross-attention (`attn2.to_k`, `attn2.to_v`).
 *
 * All three methods minimise Σ s_e‖W′c − W·g‖² + Σ s_p‖W′p − W·p‖² + λ‖W′ − W‖² over pairs of an embedding c to erase
 * and its guide g, and over embeddings p to preserve:
 *   W′ = (λW + Σ s·v·cᵀ)(λI + Σ s·c·cᵀ)⁻¹        (UCE, Gandikota et al., WACV 2024, eq. 7)
 *   ΔW = (V − W·C)·S·Cᵀ(λI + C·S·Cᵀ)⁻¹           (the same, as a product of low-rank factors)
 * Preserved columns have V = W·C and so drop out of the product: the rank of ΔW is at most the number of erased rows.
 */
import { SpqrError } from '../contracts/errors'
import { addGram, addTransposedTimes, cholesky, solveRows, times, timesTransposed } from './linear'

/** A weight of shape [o, d]. */
export interface Projection { data: ArrayLike<number>; rows: number; columns: number }
export type Projections = ReadonlyMap<string, Projection>

/** Token embeddings as rows, [n, d] each; `guide` has one row for each row of `erase`. */
export interface EditRows { erase: Float32Array; guide: Float32Array; preserve: Float32Array; dimension: number }

export interface EditOptions {
  /** λ: how strongly W′ is held at W. Published default 0.5 (UCE), 0.1 (RECE, MACE). */
  lambda: number
  /** s of the erased rows; lower cures over-erasure. */
  eraseScale: number
  /** s of the preserved rows. */
  preserveScale: number
}

/** ΔW = B·A with `down` = A [k, d] and `up` = B [o, k]. */
export interface LowRank { rank: number; rows: number; columns: number; down: Float64Array; up: Float64Array }

function check(weights: Projections, rows: EditRows, options: EditOptions): void {
  const bad = (message: string, hint = '') => new SpqrError('BAD_INPUT', message, hint)
  const d = rows.dimension
  if (weights.size === 0) throw bad('The model has no cross-attention projection to align.', 'Choose a text-to-image model with attn2.to_k and attn2.to_v.')
  for (const [name, weight] of weights) {
    if (weight.columns !== d) throw bad(`The weight "${name}" takes ${weight.columns} values a token, but the text encoder gives ${d}.`)
  }
  if (rows.erase.length === 0) throw bad('There is no concept to erase.', 'Name at least one concept.')
  if (rows.erase.length % d || rows.preserve.length % d || rows.guide.length !== rows.erase.length) {
    throw bad('Erased, guide and preserved embeddings do not have matching shapes.')
  }
  if (![rows.erase, rows.guide, rows.preserve].every((part) => part.every(Number.isFinite))) {
    throw bad('The text encoder gave a value that is not a finite number.')
  }
  const { lambda, eraseScale, preserveScale } = options
  if (!(lambda > 0) || !(eraseScale > 0) || !(preserveScale >= 0) || ![lambda, eraseScale, preserveScale].every(Number.isFinite)) {
    throw bad('Lambda and the erase strength must be positive numbers, the preserve strength zero or more.')
  }
}

/** Cholesky factor of λI + Σ s·c·cᵀ over all rows, [d, d]. */
function factorise(rows: EditRows, { lambda, eraseScale, preserveScale }: EditOptions): Float64Array {
  const d = rows.dimension
  const gram = new Float64Array(d * d)
  addGram(gram, rows.erase, d, eraseScale)
  addGram(gram, rows.preserve, d, preserveScale)
  for (let i = 0; i < d; i++) gram[i * d + i]! += lambda
  return cholesky(gram, d)
}

/** UCE in its general form: every W′ as float64 [o, d]. The reference that the low-rank form must agree with. */
export function uceGeneral(weights: Projections, rows: EditRows, options: EditOptions): Map<string, Float64Array> {
  check(weights, rows, options)
  const d = rows.dimension
  const { lambda, eraseScale, preserveScale } = options
  const lower = factorise(rows, options)
  const edited = new Map<string, Float64Array>()
  for (const [name, { data, rows: o }] of weights) {
    const numerator = Float64Array.from(data, (w) => lambda * w)
    for (const [inputs, outputs, scale] of [[rows.erase, rows.guide, eraseScale], [rows.preserve, rows.preserve, preserveScale]] as const) {
      const values = timesTransposed(data, outputs, d)
      const count = inputs.length / d
      for (let i = 0; i < o; i++) {
        for (let r = 0; r < count; r++) {
          const factor = scale * values[i * count + r]!
          for (let j = 0; j < d; j++) numerator[i * d + j]! += factor * inputs[r * d + j]!
        }
      }
    }
    edited.set(name, solveRows(lower, numerator, d))
  }
  return edited
}

/** UCE as low-rank factors: A = s·Cᵀ(λI + C·S·Cᵀ)⁻¹ is shared by all weights, B = W·(G − C) is each weight's own. */
export function uce(weights: Projections, rows: EditRows, options: EditOptions): Map<string, LowRank> {
  check(weights, rows, options)
  const d = rows.dimension
  const down = solveRows(factorise(rows, options), Float64Array.from(rows.erase, (value) => value * options.eraseScale), d)
  const gap = Float64Array.from(rows.guide, (value, i) => value - rows.erase[i]!)
  const rank = rows.erase.length / d
  const edits = new Map<string, LowRank>()
  for (const [name, { data, rows: o }] of weights) {
    edits.set(name, compress({ rank, rows: o, columns: d, down, up: timesTransposed(data, gap, d) }))
  }
  return edits
}

/** Factors wider than d say no more than ΔW itself: B ← B·A, A ← I. */
function compress(factors: LowRank): LowRank {
  const { rank, columns: d } = factors
  if (rank <= d) return factors
  const identity = new Float64Array(d * d)
  for (let i = 0; i < d; i++) identity[i * d + i] = 1
  return { ...factors, rank: d, down: identity, up: times(factors.up, factors.down, rank, d) }
}

/** W + B·A as a new projection. */
export function applyLowRank({ data, rows, columns }: Projection, edit: LowRank): Projection {
  const delta = times(edit.up, edit.down, edit.rank, columns)
  return { data: Float64Array.from(data, (w, i) => w + delta[i]!), rows, columns }
}

/** B₁·A₁ + B₂·A₂ as one pair of factors. */
function stack(a: LowRank, b: LowRank): LowRank {
  const rank = a.rank + b.rank
  const up = new Float64Array(a.rows * rank)
  for (let i = 0; i < a.rows; i++) {
    up.set(a.up.subarray(i * a.rank, (i + 1) * a.rank), i * rank)
    up.set(b.up.subarray(i * b.rank, (i + 1) * b.rank), i * rank + a.rank)
  }
  return compress({ rank, rows: a.rows, columns: a.columns, down: Float64Array.from([...a.down, ...b.down]), up })
}

/** c′ = (μI + ΣW′ᵀW′)⁻¹(ΣW′ᵀW)·c for each row c: what still evokes the concept after the edit (RECE, eq. 6). */
export function evokingEmbeddings(before: Projections, after: Projections, erase: Float32Array, d: number, mu: number): Float32Array {
  const gram = new Float64Array(d * d)
  const cross = new Float64Array(d * d)
  for (const [name, { data }] of after) {
    addTransposedTimes(gram, data, data, d)
    addTransposedTimes(cross, data, before.get(name)!.data, d)
  }
  for (let i = 0; i < d; i++) gram[i * d + i]! += mu
  return Float32Array.from(solveRows(cholesky(gram, d), timesTransposed(erase, cross, d), d))
}

/**
 * RECE (Gong et al., ECCV 2024): UCE, then `rounds` times: find the embeddings that still evoke the concepts and map
 * them to the guides as well, starting from the weights so far. Published for nudity: μ 0.1, λ 0.1, 3 rounds. No round
 * is chosen by a judge: the last one is the result.
 */
export function rece(weights: Projections, rows: EditRows, options: EditOptions & { rounds: number; mu: number }): Map<string, LowRank> {
  if (!Number.isInteger(options.rounds) || options.rounds < 1 || !(options.mu > 0)) throw new SpqrError('BAD_INPUT', 'RECE needs at least one round and a positive mu.')
  const total = uce(weights, rows, options)
  for (let round = 0; round < options.rounds; round++) {
    const current = new Map([...weights].map(([name, weight]) => [name, applyLowRank(weight, total.get(name)!)]))
    const erase = evokingEmbeddings(weights, current, rows.erase, rows.dimension, options.mu)
    for (const [name, edit] of uce(current, { ...rows, erase }, options)) total.set(name, stack(total.get(name)!, edit))
  }
  return total
}

/**
 * MACE, stage 1 (Lu et al., CVPR 2024, eq. 3): the same solution over the tokens that co-occur with the concept
 * (see `coOccurringRows`), each mapped to itself in the prompt where the guide stands in the concept's place.
 */
export function mace(weights: Projections, rows: EditRows, options: EditOptions): Map<string, LowRank> {
  return uce(weights, rows, options)
}
