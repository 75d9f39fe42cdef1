/** What the low-rank edits are held against: whole weights. */
import {
  check,
  factorise,
  gramOf,
  heldSystem,
  type EditOptions,
  type EditRows,
  type LowRank,
  type Projection,
  type Projections,
} from '../../../../src/core/alignment/closedForm'
import { solveRows, times } from '../../../../src/core/alignment/linear'

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

/** W + B·A as a new projection. */
export function applyLowRank({ data, rows, columns }: Projection, edit: LowRank): Projection {
  const delta = times(edit.up, edit.down, edit.rank, columns)
  return { data: Float64Array.from(data, (w, i) => w + delta[i]!), rows, columns }
}

/** A·Bᵀ for A [m, d] and B [n, d]; returns [m, n]. */
function timesTransposed(a: ArrayLike<number>, b: ArrayLike<number>, d: number): Float64Array {
  const [m, n] = [a.length / d, b.length / d]
  const result = new Float64Array(m * n)
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let k = 0; k < d; k++) sum += a[i * d + k]! * b[j * d + k]!
      result[i * n + j] = sum
    }
  }
  return result
}
