/**
 * Freezing of safety units ("SSAH-style", after Li et al., ICLR 2025, arXiv 2410.10862, which finds such units in language
 * models by pruning; the sensitivities here are ours): a unit is an output row of a weight, of a LoRA a row of B, without
 * which that row of ΔW stays zero. s is the mean square of the gradient of ‖v_θ − v_base‖² on anchors, u that of the
 * benign loss, both summed over the row and divided by their total; the rows with the largest s − u are frozen.
 */
import { roundHalfEven } from '../exact'
import { createRandom } from '../random'
import type { Layout } from './layout'

interface Unit {
  name: string
  offset: number
  length: number
}

/** Rows that can be frozen, in the layout's order. */
export function unitsOf({ lora, parameters }: Layout): Unit[] {
  return parameters
    .filter(({ name }) => !lora || name.endsWith('.lora_B.weight'))
    .flatMap(({ name, dims, offset }) => {
      const rows = dims[0] ?? 1
      const length = dims.reduce((a, b) => a * b, 1) / rows
      return Array.from({ length: rows }, (_, i) => ({ name, offset: offset + i * length, length }))
    })
}

/** Mean square of gradients, entry by entry; takes one gradient after another. */
export function addSquares(sum: Float64Array, gradient: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += gradient[i]! * gradient[i]!
}

function shares(units: readonly Unit[], squares: Float64Array): number[] {
  const rows = units.map(({ offset, length }) => squares.subarray(offset, offset + length).reduce((a, b) => a + b, 0))
  const total = rows.reduce((a, b) => a + b, 0)
  return rows.map((row) => (total > 0 ? row / total : 0))
}

function maskOf({ length }: Layout, units: readonly Unit[]): Uint8Array {
  const mask = new Uint8Array(length)
  for (const unit of units) mask.fill(1, unit.offset, unit.offset + unit.length)
  return mask
}

/** Half a unit goes to the even number, as in NumPy and Python. */
const countOf = (units: readonly Unit[], percent: number): number => roundHalfEven((units.length * percent) / 100)

/** 1 at every parameter of the `percent` of units that matter most for safety and least for the benign data. */
export function safetyMask(layout: Layout, safety: Float64Array, benign: Float64Array, percent: number): Uint8Array {
  const units = unitsOf(layout)
  const [s, u] = [shares(units, safety), shares(units, benign)]
  const order = units.map((_, i) => i).sort((a, b) => s[b]! - u[b]! - (s[a]! - u[a]!) || a - b)
  return maskOf(
    layout,
    order.slice(0, countOf(units, percent)).map((i) => units[i]!),
  )
}

/** The control: as many units, drawn at random. */
export function randomMask(layout: Layout, percent: number, seed: number): Uint8Array {
  const units = unitsOf(layout)
  const random = createRandom(seed)
  for (let i = units.length - 1; i > 0; i--) {
    const j = random.integer(i + 1)
    ;[units[i], units[j]] = [units[j]!, units[i]!]
  }
  return maskOf(layout, units.slice(0, countOf(units, percent)))
}

/** The other control: everything that reads the prompt. */
export const crossAttentionMask = (layout: Layout): Uint8Array =>
  maskOf(
    layout,
    unitsOf(layout).filter(({ name }) => name.includes('.attn2.')),
  )

/** Zero where the mask is 1, a new array. */
export const masked = (gradient: Float32Array, mask: Uint8Array): Float32Array =>
  gradient.map((value, i) => (mask[i] ? 0 : value))

/** Undoes what weight decay did to frozen parameters, in place. */
export function restore(flat: Float32Array, start: Float32Array, mask: Uint8Array): void {
  for (let i = 0; i < flat.length; i++) if (mask[i]) flat[i] = start[i]!
}
