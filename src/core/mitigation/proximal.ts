/**
 * Proximal training (L2-SP, Li et al., ICML 2018, arXiv 1802.01483; as a step of its own behind AdamW, like its weight
 * decay): θ ← θ − lr·ρ(θ − θ_aligned). Of a LoRA, θ − θ_aligned = scale·B·A, so B shrinks by 1 − lr·ρ, which is the
 * same rule for ΔW.
 */
import { SpqrError } from '../contracts/errors'
import { eachUp, type Layout } from './layout'

/**
 * Pulls `flat` back in place. ρ = 0 changes no bit.
 * @throws SpqrError BAD_INPUT where lr·ρ ≥ 1, which would throw the weights past the aligned ones
 */
export function pullBack(
  layout: Layout,
  flat: Float32Array,
  start: Float32Array,
  learningRate: number,
  rho: number,
): void {
  const share = learningRate * rho
  if (share >= 1)
    throw new SpqrError(
      'BAD_INPUT',
      `Proximal training with ρ ${rho} and learning rate ${learningRate} would pull past the aligned weights.`,
      `Choose ρ below ${1 / learningRate}.`,
    )
  if (share === 0) return
  if (!layout.lora) {
    for (let i = 0; i < flat.length; i++) flat[i]! -= share * (flat[i]! - start[i]!)
    return
  }
  eachUp(layout, flat, (up) => {
    for (let i = 0; i < up.length; i++) up[i]! -= share * up[i]!
  })
}
