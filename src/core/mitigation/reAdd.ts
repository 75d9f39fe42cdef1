/**
 * Re-adding the alignment (RESTA, Bhardwaj et al., ACL 2024, arXiv 2402.11746): θ = θ_ft + γ(θ_aligned − θ_base). The
 * paper's second part, dropping and rescaling of the fine-tune (DARE), is left out.
 */

/** Adds γ·(aligned − base) to the difference that a fine-tune made of one weight, in place. */
export function addAgain(
  delta: Float32Array,
  aligned: ArrayLike<number>,
  base: ArrayLike<number>,
  gamma: number,
): void {
  for (let i = 0; i < delta.length; i++) delta[i]! += gamma * (aligned[i]! - base[i]!)
}
