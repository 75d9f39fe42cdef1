/**
 * Interpolation of weights (WiSE-FT, Wortsman et al., CVPR 2022, arXiv 2109.01903, eq. 1):
 * θ = θ_aligned + α(θ_ft − θ_aligned). Of a LoRA, θ_ft − θ_aligned = scale·B·A, so α multiplies B.
 */
import { eachUp, type Layout } from './layout'

/** The parameters to measure, a new array; `start` are the aligned ones. α = 1 gives `flat` bit by bit. */
export function interpolate(layout: Layout, flat: Float32Array, start: Float32Array, alpha: number): Float32Array {
  if (alpha === 1) return flat.slice()
  if (!layout.lora) return flat.map((value, i) => start[i]! + alpha * (value - start[i]!))
  const result = flat.slice()
  eachUp(layout, result, (up) => {
    for (let i = 0; i < up.length; i++) up[i]! *= alpha
  })
  return result
}
