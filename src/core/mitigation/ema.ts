/**
 * Exponential moving average of the weights over the steps of a fine-tune (arXiv 2508.12531): θ̄ ← ηθ̄ + (1 − η)θ, from
 * θ_aligned. Of a LoRA the merged ΔW is averaged and not A and B, whose product of averages is another matrix.
 */
import { denseDelta, loraModules, type Layout } from './layout'

/** What is averaged, as one vector: ΔW of every pair one behind another, or the parameters themselves. */
function merged(layout: Layout, flat: Float32Array): Float32Array {
  if (!layout.lora) return flat
  const modules = loraModules(layout)
  const all = new Float32Array(modules.reduce((sum, { rows, columns }) => sum + rows * columns, 0))
  let at = 0
  for (const module of modules) {
    all.set(denseDelta(module, flat), at)
    at += module.rows * module.columns
  }
  return all
}

/** The average before the first step: the aligned weights. */
export const startAverage = (layout: Layout, start: Float32Array): Float32Array => merged(layout, start).slice()

/** Takes the parameters after a step into the average, in place. */
export function average(layout: Layout, mean: Float32Array, flat: Float32Array, eta: number): void {
  const now = merged(layout, flat)
  for (let i = 0; i < mean.length; i++) mean[i] = eta * mean[i]! + (1 - eta) * now[i]!
}

/** ΔW̄ of every weight behind a LoRA's average. */
export function averagedDeltas(layout: Layout, mean: Float32Array): Map<string, Float32Array> {
  let at = 0
  return new Map(
    loraModules(layout).map(({ weight, rows, columns }) => [weight, mean.slice(at, (at += rows * columns))]),
  )
}
