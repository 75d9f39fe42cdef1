/**
 * AdamW (Loshchilov & Hutter, ICLR 2019, algorithm 2) behind torch.nn.utils.clip_grad_norm_, as PyTorch computes them.
 * The training graphs hold the benchmark's constants; this is the same update for the user's own constants.
 */
import { wholePower } from '../exact'

export interface Optimiser {
  beta1: number
  beta2: number
  epsilon: number
  weightDecay: number
  /** Largest norm of the gradient; longer ones are scaled to it. */
  clipNorm: number
}

/** Parameters and moments, [n] each. */
export interface Moments {
  flat: Float32Array
  m: Float32Array
  v: Float32Array
}

/** Factor that brings a gradient of this norm to at most `clipNorm`; never more than 1. */
function clipFactor(gradient: Float32Array, clipNorm: number): number {
  let sum = 0
  for (let i = 0; i < gradient.length; i++) sum += gradient[i]! * gradient[i]!
  return Math.min(1, clipNorm / (Math.sqrt(sum) + 1e-6))
}

/** Step `t` (from 1) in new arrays. `gradient` is that of the loss, before clipping. */
export function adamwStep(
  state: Moments,
  gradient: Float32Array,
  t: number,
  learningRate: number,
  { beta1, beta2, epsilon, weightDecay, clipNorm }: Optimiser,
): Moments {
  const n = gradient.length
  const [flat, m, v] = [new Float32Array(n), new Float32Array(n), new Float32Array(n)]
  const clip = clipFactor(gradient, clipNorm)
  const [size, spread] = [learningRate / (1 - wholePower(beta1, t)), Math.sqrt(1 - wholePower(beta2, t))]
  for (let i = 0; i < n; i++) {
    const g = gradient[i]! * clip
    m[i] = beta1 * state.m[i]! + (1 - beta1) * g
    v[i] = beta2 * state.v[i]! + (1 - beta2) * g * g
    flat[i] = state.flat[i]! * (1 - learningRate * weightDecay) - (size * m[i]!) / (Math.sqrt(v[i]!) / spread + epsilon)
  }
  return { flat, m, v }
}
