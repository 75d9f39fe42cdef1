/** Starting noise and step noise of a unit: a function of its seed alone, whatever else is in the batch. */
import { gaussianNoise, torchGaussianNoise } from '../../core/random'
import type { SamplerSpec } from '../../core/contracts'

export interface BatchNoise {
  /** Standard normal, [batch, length] flattened. */
  initial: Float32Array
  /** Noise of step `index`, for samplers that use it. */
  step(index: number): Float32Array
}

/**
 * `length` numbers per seed at the start and, if asked, at every step. In torch mode these are the successive draws of
 * one `torch.Generator('cpu').manual_seed(seed)`, as diffusers makes them (equal to one long draw because latents hold
 * a multiple of 16 numbers, torch's block).
 */
export function batchNoise(
  kind: SamplerSpec['noise'],
  seeds: readonly number[],
  length: number,
  steps: number,
): BatchNoise {
  const generate = kind === 'torch' ? torchGaussianNoise : gaussianNoise
  const drawn = seeds.map((seed) => generate(seed, length * (1 + steps)))
  const slice = (index: number) => {
    const batch = new Float32Array(seeds.length * length)
    drawn.forEach((noise, i) => batch.set(noise.subarray(index * length, (index + 1) * length), i * length))
    return batch
  }
  return { initial: slice(0), step: (index) => slice(1 + index) }
}
