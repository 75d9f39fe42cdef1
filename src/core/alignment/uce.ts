/** UCE: unified concept editing, in closed form. */
import {
  check,
  factorise,
  factors,
  gramOf,
  heldSystem,
  solveEdit,
  type EditOptions,
  type EditRows,
  type LowRank,
  type Projections,
} from './closedForm'
import { solveRows, timesTransposed } from './linear'

/** UCE in its general form: every W′ as float64 [o, d]. The reference that the low-rank form must agree with. */
export function uceGeneral(weights: Projections, rows: EditRows, options: EditOptions): Map<string, Float64Array> {
  check(weights, rows, options)
  const d = rows.dimension
  const { lambda, eraseScale, preserveScale } = options
  const lower = factorise(gramOf(rows.erase, d), options, heldSystem(rows, options), d)
  const edited = new Map<string, Float64Array>()
  for (const [name, { data, rows: o }] of weights) {
    const numerator = Float64Array.from(data, (w) => lambda * w)
    for (const [inputs, outputs, scale] of [
      [rows.erase, rows.guide, eraseScale],
      [rows.preserve, rows.preserve, preserveScale],
    ] as const) {
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

/** UCE as low-rank factors; the rank is the number of erased rows, at most d. Agrees with `uceGeneral`. */
export function uce(weights: Projections, rows: EditRows, options: EditOptions): Map<string, LowRank> {
  check(weights, rows, options)
  return factors(weights, solveEdit(rows, options, heldSystem(rows, options)), rows.dimension)
}
