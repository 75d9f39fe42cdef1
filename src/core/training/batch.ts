/** The random part of a training step: which captions, how noisy, which noise. */
import { sigmoid } from '../exact'
import { createRandom } from '../random'

export interface BatchPlan {
  /** Rows of the caption list, one per picture of the batch. */
  captions: number[]
  /** Whether the caption gives way to the empty prompt. */
  dropped: boolean[]
  /** Noise level of rectified flow in (0, 1): sigmoid of a standard normal (logit-normal, Esser et al., ICML 2024). */
  sigma: Float32Array
  /** Standard normal, [batchSize, latentSize]. */
  noise: Float32Array
}

/** One 32-bit seed out of a seed and a step (murmur3's finaliser), so that steps do not share streams. */
export function stepSeed(seed: number, step: number): number {
  let x = (seed ^ Math.imul(step + 1, 0x9e3779b1)) >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

/** The plan of step `step` (from 0); depends on nothing but its arguments. */
export function planBatch(
  seed: number,
  step: number,
  captionCount: number,
  batchSize: number,
  latentSize: number,
  captionDropout: number,
): BatchPlan {
  const random = createRandom(stepSeed(seed, step))
  const rows = Array.from({ length: batchSize }, () => ({
    caption: random.integer(captionCount),
    dropped: random.uniform() < captionDropout,
    sigma: sigmoid(random.normal()),
  }))
  return {
    captions: rows.map(({ caption }) => caption),
    dropped: rows.map(({ dropped }) => dropped),
    sigma: Float32Array.from(rows, ({ sigma }) => sigma),
    noise: Float32Array.from({ length: batchSize * latentSize }, () => random.normal()),
  }
}

/** Starting factors of a LoRA: A standard normal / rank, B zero (PEFT's `gaussian`), in the flat vector's layout. */
export function initialLora(
  seed: number,
  length: number,
  rank: number,
  parameters: readonly { name: string; dims: readonly number[]; offset: number }[],
): Float32Array {
  const flat = new Float32Array(length)
  const random = createRandom(stepSeed(seed, -2))
  for (const { name, dims, offset } of parameters) {
    if (!name.endsWith('.lora_A.weight')) continue
    const size = dims.reduce((a, b) => a * b, 1)
    for (let i = 0; i < size; i++) flat[offset + i] = random.normal() / rank
  }
  return flat
}
