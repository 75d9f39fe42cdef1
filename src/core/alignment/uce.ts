/** UCE: unified concept editing, in closed form. */
import {
  check,
  factors,
  heldSystem,
  solveEdit,
  type EditOptions,
  type EditRows,
  type LowRank,
  type Projections,
} from './closedForm'

/** UCE as low-rank factors; the rank is the number of erased rows, at most d. */
export function uce(weights: Projections, rows: EditRows, options: EditOptions): Map<string, LowRank> {
  check(weights, rows, options)
  return factors(weights, solveEdit(rows, options, heldSystem(rows, options)), rows.dimension)
}
