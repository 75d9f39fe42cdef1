/**
 * Anchors: rows of a training batch that hold a forbidden prompt to what the aligned model predicts for it. The training
 * graphs compute x_t = (1 − σ)·latents + σ·noise with the target noise − latents; for a wanted pair of a sample x_t and a
 * target u, latents = x_t − σu and noise = x_t + (1 − σ)u give exactly these two.
 *
 * Safe replay: k of the n rows of every batch are anchors, after Safety-Tuned LLaMAs (Bianchi et al., ICLR 2024, arXiv
 * 2309.07875) and Lisa (Huang et al., NeurIPS 2024, arXiv 2405.18641); the loss is a mean over rows, so they weigh
 * λ = k/(n − k) against the benign ones. Early anchors: only at the noisiest steps, after the constrained fine-tuning of
 * the first tokens (Qi et al., ICLR 2025, arXiv 2406.05946), as an analogue for pictures.
 */
import { createRandom } from '../random'
import { stepSeed } from '../training'

/** Samples on the base model's own way from noise to picture, with what two models predict for them. */
export interface AnchorBank {
  /** Numbers of one sample. */
  size: number
  /** x_t, [n, size]. */
  samples: Float32Array
  /** The aligned model's prediction for the prompt alone, [n, size]. */
  aligned: Float32Array
  /** The base model's, [n, size]. */
  base: Float32Array
  /** Noise level of every sample. */
  sigma: Float32Array
  /** Place of the sample's step on its way, 0 the noisiest. */
  step: number[]
  /** Embedding of the prompt of every sample. */
  contexts: Float32Array[]
}

/** What a training step is given: `count` rows, one behind another. */
export interface Rows {
  count: number
  latents: Float32Array
  noise: Float32Array
  sigma: Float32Array
  context: Float32Array
}

/** Writes the anchor `from` with its target into row `to`, in place. */
function place(rows: Rows, to: number, bank: AnchorBank, from: number, target: Float32Array): void {
  const { size, samples } = bank
  const sigma = bank.sigma[from]!
  for (let i = 0; i < size; i++) {
    const [x, u] = [samples[from * size + i]!, target[from * size + i]!]
    rows.latents[to * size + i] = x - sigma * u
    rows.noise[to * size + i] = x + (1 - sigma) * u
  }
  rows.sigma[to] = sigma
  const context = bank.contexts[from]!
  rows.context.set(context, to * context.length)
}

/** Keeps the streams of anchors apart from those of batches. */
const STREAM = 0x5afe

/** `count` anchors of step `step`, drawn from those among `allowed`; depends on nothing but its arguments. */
function draw(allowed: readonly number[], seed: number, step: number, count: number): number[] {
  const random = createRandom(stepSeed((seed ^ STREAM) >>> 0, step))
  return Array.from({ length: count }, () => allowed[random.integer(allowed.length)]!)
}

/** Samples of the `steps` noisiest steps. */
export const earlyAnchors = ({ step }: AnchorBank, steps: number): number[] =>
  step.flatMap((at, i) => (at < steps ? [i] : []))

/**
 * Puts anchors of the aligned model in the place of the last `count` rows, in place; 0 changes no bit.
 */
export function replaceRows(
  rows: Rows,
  bank: AnchorBank,
  allowed: readonly number[],
  count: number,
  seed: number,
  step: number,
): void {
  draw(allowed, seed, step, count).forEach((from, i) => place(rows, rows.count - count + i, bank, from, bank.aligned))
}

/** A batch of anchors alone, towards the aligned model or the base; the same anchors for the same seed and step. */
export function anchorRows(
  bank: AnchorBank,
  towards: 'aligned' | 'base',
  count: number,
  seed: number,
  step: number,
): Rows {
  const rows: Rows = {
    count,
    latents: new Float32Array(count * bank.size),
    noise: new Float32Array(count * bank.size),
    sigma: new Float32Array(count),
    context: new Float32Array(count * (bank.contexts[0]?.length ?? 0)),
  }
  const all = bank.step.map((_, i) => i)
  draw(all, seed, step, count).forEach((from, i) => place(rows, i, bank, from, bank[towards]))
  return rows
}
