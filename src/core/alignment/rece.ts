/** RECE as published: the derived embeddings are erased round by round. The recipe's RECE-held differs (methods/shipped). */
import { SpqrError } from '../contracts/errors'
import {
  check,
  compose,
  editMatrix,
  factors,
  heldSystem,
  identity,
  momentsOf,
  plusIdentity,
  solveEdit,
  solveMoments,
  transpose,
  type EditOptions,
  type EditRows,
  type LowRank,
  type Moments,
  type Projections,
  type SharedEdit,
} from './closedForm'
import { addGram, cholesky, solveRows, times } from './linear'

/** μ; the published value for nudity. */
export const RECE_MU = 0.1

/**
 * RECE (Gong et al., ECCV 2024): UCE, then `rounds` times: find the embeddings that still evoke the concepts,
 * c′ = (μI + ΣW′ᵀW′)⁻¹(ΣW′ᵀW)·c over all weights (eq. 6), and map them to the guides as well, starting from the
 * weights so far. Published for nudity: μ 0.1, λ 0.1, 3 rounds. No round is chosen by a judge: the last is the result.
 */
export function rece(
  weights: Projections,
  rows: EditRows,
  options: EditOptions & { rounds: number; mu: number },
): Map<string, LowRank> {
  check(weights, rows, options)
  const { rounds, mu } = options
  if (!Number.isInteger(rounds) || rounds < 1 || !(mu > 0))
    throw new SpqrError('BAD_INPUT', 'RECE needs at least one round and a positive mu.')
  const d = rows.dimension
  const gram = new Float64Array(d * d)
  for (const { data } of weights.values()) addGram(gram, data, d, 1)
  const held = heldSystem(rows, options)
  // More rows than dimensions: a round costs d³, however many concepts there are.
  if (rows.erase.length / d > d) return factors(weights, receByMoments(rows, { ...options, held, gram }), d)
  let total = solveEdit(rows, options, held)
  for (let round = 0; round < rounds; round++) {
    const evoke = evokingMap(editMatrix(total, d), gram, mu, d)
    total = compose(total, solveEdit({ ...rows, erase: times(rows.erase, evoke, d, d) }, options, held), d)
  }
  return factors(weights, total, d)
}

/** The rounds on [d, d] matrices alone: c′ is linear in c, so their moments follow from those of c. */
function receByMoments(
  rows: EditRows,
  options: EditOptions & { rounds: number; mu: number; held: Float64Array; gram: Float64Array },
): SharedEdit {
  const d = rows.dimension
  const moments = momentsOf(rows)
  let total = plusIdentity(solveMoments(moments, options, options.held, d).left, d)
  for (let round = 0; round < options.rounds; round++) {
    const evoke = evokingMap(total, options.gram, options.mu, d)
    const next = solveMoments(evokedMoments(moments, evoke, d), options, options.held, d)
    total = times(total, plusIdentity(next.left, d), d, d)
  }
  for (let i = 0; i < d; i++) total[i * d + i]! -= 1
  return { rank: d, left: total, down: identity(d) }
}

/** Dᵀ with c′ = D·c, D = (μI + ΣW′ᵀW′)⁻¹·ΣW′ᵀW. With W′ = W·E: ΣW′ᵀW = Eᵀ·G, ΣW′ᵀW′ = Eᵀ·G·E, G = ΣWᵀW (`gram`). */
function evokingMap(edit: Float64Array, gram: Float64Array, mu: number, d: number): Float64Array {
  const cross = times(transpose(edit, d), gram, d, d)
  const system = times(cross, edit, d, d)
  for (let i = 0; i < d; i++) system[i * d + i]! += mu
  return solveRows(cholesky(system, d), transpose(cross, d), d)
}

/** Σc′·c′ᵀ = D·M·Dᵀ and Σg·c′ᵀ = N·Dᵀ; `evoke` is Dᵀ. */
function evokedMoments({ erased, guided }: Moments, evoke: Float64Array, d: number): Moments {
  return { erased: times(transpose(evoke, d), times(erased, evoke, d, d), d, d), guided: times(guided, evoke, d, d) }
}
