/** SPEED: an edit within the null space of what is kept, in closed form. */
import { EigenvalueDecomposition, Matrix, inverse } from 'ml-matrix'
import { SpqrError } from '../contracts/errors'
import {
  check,
  factors,
  gramOf,
  identity,
  momentsOf,
  type EditOptions,
  type EditRows,
  type LowRank,
  type Projections,
} from './closedForm'

/** Directions in which the kept rows have less than this mean square are free to be edited; the reference code's value. */
const NULL_SPACE_THRESHOLD = 0.1

export interface SpeedOptions extends EditOptions {
  /** How many concepts the erased rows belong to: their moments are means over concepts. */
  concepts: number
  /** Embeddings that no edit may move, the empty prompt's, as rows [k, d]. */
  invariant: Float32Array | Float64Array
}

/**
 * SPEED (Li et al., ICLR 2026, arXiv 2503.07392): ΔW = W(Σ_A − Σ_T)P(I − MK(KᵀPMK + λI)⁻¹KᵀP)M with
 * M = (Σ_T·P + rI)⁻¹, Σ_T the mean over concepts of Σccᵀ, Σ_A that of Σgcᵀ, P the projector on the directions that the
 * kept rows do not use, K the rows of the empty prompt, and r = `preserveScale`.
 *
 * Three things differ from the published code: every position of a concept's prompt is edited (it takes the last word's;
 * see rows.ts), K holds all positions of the empty prompt where it takes three cluster centres of them, and what is kept
 * is neither filtered nor augmented by noise for each layer, so that one edit serves all layers.
 * @throws SpqrError BAD_INPUT where the kept rows leave no direction free, and for what `check` refuses
 */
export function speed(weights: Projections, rows: EditRows, options: SpeedOptions): Map<string, LowRank> {
  check(weights, rows, options)
  const d = rows.dimension
  if (!(options.preserveScale > 0))
    throw new SpqrError('BAD_INPUT', 'SPEED needs a keep weight above zero.', 'Raise "preserve-scale".')
  const moments = momentsOf(rows)
  const mean = (sum: Float64Array) =>
    Matrix.from1DArray(
      d,
      d,
      sum.map((value) => (value * options.eraseScale) / options.concepts),
    )
  const erased = mean(moments.erased)
  const p = nullSpace(rows.preserve, d)
  const m = inverse(Matrix.add(erased.mmul(p), Matrix.eye(d).mul(options.preserveScale)))
  const k = Matrix.from1DArray(options.invariant.length / d, d, options.invariant).transpose()
  const mk = m.mmul(k)
  const kp = k.transpose().mmul(p)
  const held = inverse(Matrix.add(kp.mmul(mk), Matrix.eye(k.columns).mul(options.lambda)))
  const kept = Matrix.sub(Matrix.eye(d), mk.mmul(held).mmul(kp))
  const left = Matrix.sub(mean(moments.guided), erased).mmul(p).mmul(kept).mmul(m)
  return factors(weights, { rank: d, left: Float64Array.from(left.to1DArray()), down: identity(d) }, d)
}

/** P = UUᵀ over the eigenvectors of the kept rows' mean second moment whose eigenvalue is below the threshold, [d, d]. */
function nullSpace(kept: ArrayLike<number>, d: number): Matrix {
  if (kept.length === 0) return Matrix.eye(d)
  const moment = Matrix.from1DArray(d, d, gramOf(kept, d)).div(kept.length / d)
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(moment, { assumeSymmetric: true })
  const free = realEigenvalues.flatMap((value, i) => (value < NULL_SPACE_THRESHOLD ? [i] : []))
  if (free.length === 0)
    throw new SpqrError(
      'BAD_INPUT',
      'SPEED finds no direction that the concepts to keep leave free.',
      'Name fewer concepts to keep with "preserve", or choose UCE.',
    )
  const basis = eigenvectorMatrix.subMatrixColumn(free)
  return basis.mmul(basis.transpose())
}
