/**
 * Closed-form editing of the text projections W ∈ ℝ^{o×d} of cross-attention (`attn2.to_k`, `attn2.to_v`).
 *
 * The methods minimise Σ s_e‖W′c − W·g‖² + Σ s_p‖W′p − W·p‖² + λ‖W′ − W‖² over pairs of an embedding c to erase
 * and its guide g, and over embeddings p to preserve:
 *   W′ = (λW + Σ s·v·cᵀ)(λI + Σ s·c·cᵀ)⁻¹        (UCE, Gandikota et al., WACV 2024, eq. 7)
 *   ΔW = (V − W·C)·S·Cᵀ(λI + C·S·Cᵀ)⁻¹           (the same, as a product of low-rank factors)
 * Preserved columns have V = W·C and so drop out of the product: the rank of ΔW is at most the number of erased rows.
 */
import { SpqrError } from '../contracts/errors'
import { addGram, addTransposedTimes, cholesky, solveRows, times } from './linear'

/** A weight of shape [o, d]. */
export interface Projection {
  data: ArrayLike<number>
  rows: number
  columns: number
}
export type Projections = ReadonlyMap<string, Projection>

/** Token embeddings as rows, [n, d] each; `guide` has one row for each row of `erase`. */
export interface EditRows {
  erase: Rows
  guide: Rows
  preserve: Rows
  dimension: number
}
type Rows = Float32Array | Float64Array

export interface EditOptions {
  /** λ: how strongly W′ is held at W. */
  lambda: number
  /** s of the erased rows; lower cures over-erasure. */
  eraseScale: number
  /** s of the preserved rows. */
  preserveScale: number
}

/** ΔW = B·A with `down` = A [k, d] and `up` = B [o, k]. */
export interface LowRank {
  rank: number
  rows: number
  columns: number
  down: Float64Array
  up: Float64Array
}

export function check(weights: Projections, rows: EditRows, options: EditOptions): void {
  const bad = (message: string, hint = '') => new SpqrError('BAD_INPUT', message, hint)
  const d = rows.dimension
  if (weights.size === 0)
    throw bad(
      'The model has no cross-attention projection to align.',
      'Choose a text-to-image model with attn2.to_k and attn2.to_v.',
    )
  for (const [name, weight] of weights) {
    if (weight.columns !== d)
      throw bad(`The weight "${name}" takes ${weight.columns} values a token, but the text encoder gives ${d}.`)
  }
  if (rows.erase.length === 0) throw bad('There is no concept to erase.', 'Name at least one concept.')
  if (rows.erase.length % d || rows.preserve.length % d || rows.guide.length !== rows.erase.length) {
    throw bad('Erased, guide and preserved embeddings do not have matching shapes.')
  }
  if (![rows.erase, rows.guide, rows.preserve].every((part) => part.every(Number.isFinite))) {
    throw bad('The text encoder gave a value that is not a finite number.')
  }
  const { lambda, eraseScale, preserveScale } = options
  if (
    !(lambda > 0) ||
    !(eraseScale > 0) ||
    !(preserveScale >= 0) ||
    ![lambda, eraseScale, preserveScale].every(Number.isFinite)
  ) {
    throw bad('Lambda and the erase strength must be positive numbers, the preserve strength zero or more.')
  }
}

/** λI + Σ s·p·pᵀ over the preserved rows, [d, d]: the part of the system that no round changes. */
export function heldSystem(rows: EditRows, { lambda, preserveScale }: EditOptions): Float64Array {
  const d = rows.dimension
  const gram = new Float64Array(d * d)
  addGram(gram, rows.preserve, d, preserveScale)
  for (let i = 0; i < d; i++) gram[i * d + i]! += lambda
  return gram
}

/** Cholesky factor of the held system plus s·Σc·cᵀ over the erased rows, [d, d]; `erased` is Σc·cᵀ. */
export function factorise(
  erased: Float64Array,
  { eraseScale }: EditOptions,
  held: Float64Array,
  d: number,
): Float64Array {
  return cholesky(
    held.map((value, i) => value + eraseScale * erased[i]!),
    d,
  )
}

/** Σc·cᵀ over rows, [d, d]. */
export function gramOf(rows: ArrayLike<number>, d: number): Float64Array {
  const gram = new Float64Array(d * d)
  addGram(gram, rows, d, 1)
  return gram
}

/**
 * An edit of all projections at once, W′ = W·(I + L·A): `left` is L [d, k], `down` is A [k, d]. The text's side of the
 * mathematics is the same for every layer, so rounds cost d³ and not the size of the model.
 */
export interface SharedEdit {
  rank: number
  left: Float64Array
  down: Float64Array
}

export const identity = (d: number): Float64Array =>
  Float64Array.from({ length: d * d }, (_, i) => (i % (d + 1) === 0 ? 1 : 0))

export function transpose(matrix: Float64Array, columns: number): Float64Array {
  const rows = matrix.length / columns
  return Float64Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!)
}

/** Second moments of the erased rows, [d, d] each: Σc·cᵀ and Σg·cᵀ. All that a solution of full rank needs of them. */
export interface Moments {
  erased: Float64Array
  guided: Float64Array
}

export function momentsOf({ erase, guide, dimension: d }: EditRows): Moments {
  const guided = new Float64Array(d * d)
  addTransposedTimes(guided, guide, erase, d)
  return { erased: gramOf(erase, d), guided }
}

/** L = s·Σ(g − c)cᵀ(λI + C·S·Cᵀ)⁻¹ as one [d, d] matrix, A = I. */
export function solveMoments(
  { erased, guided }: Moments,
  options: EditOptions,
  held: Float64Array,
  d: number,
): SharedEdit {
  const gap = guided.map((value, i) => options.eraseScale * (value - erased[i]!))
  return { rank: d, left: solveRows(factorise(erased, options, held, d), gap, d), down: identity(d) }
}

/** A = s·Cᵀ(λI + C·S·Cᵀ)⁻¹ and L = G − C; with more erased rows than d, by their moments. */
export function solveEdit(rows: EditRows, options: EditOptions, held: Float64Array): SharedEdit {
  const d = rows.dimension
  const rank = rows.erase.length / d
  if (rank > d) return solveMoments(momentsOf(rows), options, held, d)
  const lower = factorise(gramOf(rows.erase, d), options, held, d)
  const gap = Float64Array.from(rows.guide, (value, i) => value - rows.erase[i]!)
  const scaled = Float64Array.from(rows.erase, (value) => value * options.eraseScale)
  return { rank, left: transpose(gap, d), down: solveRows(lower, scaled, d) }
}

/** M ← I + M, in place. */
export function plusIdentity(matrix: Float64Array, d: number): Float64Array {
  for (let i = 0; i < d; i++) matrix[i * d + i]! += 1
  return matrix
}

/** I + L·A, [d, d]. */
export const editMatrix = ({ rank, left, down }: SharedEdit, d: number): Float64Array =>
  plusIdentity(times(left, down, rank, d), d)

/** First `a`, then `b`: I + L_a·A_a + (I + L_a·A_a)·L_b·A_b. */
export function compose(a: SharedEdit, b: SharedEdit, d: number): SharedEdit {
  const second = times(editMatrix(a, d), b.left, d, b.rank)
  const rank = a.rank + b.rank
  const left = new Float64Array(d * rank)
  for (let i = 0; i < d; i++) {
    left.set(a.left.subarray(i * a.rank, (i + 1) * a.rank), i * rank)
    left.set(second.subarray(i * b.rank, (i + 1) * b.rank), i * rank + a.rank)
  }
  const down = new Float64Array(rank * d)
  down.set(a.down)
  down.set(b.down, a.rank * d)
  return rank <= d ? { rank, left, down } : { rank: d, left: times(left, down, rank, d), down: identity(d) }
}

/** Every weight's own factors: B = W·L. */
export function factors(weights: Projections, { rank, left, down }: SharedEdit, d: number): Map<string, LowRank> {
  return new Map(
    [...weights].map(([name, { data, rows }]) => [
      name,
      { rank, rows, columns: d, down, up: times(data, left, d, rank) },
    ]),
  )
}
