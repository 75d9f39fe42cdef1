/**
 * Dynamic shaping (STAR-DSS, arXiv 2505.17196, as an analogue for pictures): the target u of a row whose picture the safety
 * judges flag moves towards what the aligned model predicts, u′ = w·u + (1 − w)·v_aligned(x_t, σ, c). Rows with w = 1 are
 * left alone, so that it changes no bit of a training on harmless pictures.
 */
import type { Rows } from './anchors'

/** x_t = (1 − σ)·latents + σ·noise of a row. */
export function sampleOf({ latents, noise, sigma }: Rows, row: number, size: number): Float32Array {
  const s = sigma[row]!
  return Float32Array.from({ length: size }, (_, i) => (1 - s) * latents[row * size + i]! + s * noise[row * size + i]!)
}

/** Shapes the target of one row in place; its sample x_t stays. `aligned`: v_aligned at it, [size]. */
export function shapeRow(rows: Rows, row: number, size: number, weight: number, aligned: Float32Array): void {
  const { latents, noise, sigma } = rows
  const [sample, s] = [sampleOf(rows, row, size), sigma[row]!]
  for (let i = 0; i < size; i++) {
    const at = row * size + i
    const target = weight * (noise[at]! - latents[at]!) + (1 - weight) * aligned[i]!
    latents[at] = sample[i]! - s * target
    noise[at] = sample[i]! + (1 - s) * target
  }
}
