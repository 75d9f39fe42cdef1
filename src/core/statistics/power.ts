/** How many prompts a drift needs: power of the paired (McNemar) comparison. */
import { binomialCdf, binomialPmf } from './binomial'
import { normalQuantile } from './normal'

/** Images of one prompt are alike: k seeds with intra-prompt correlation ρ are worth k / (1 + (k − 1)ρ) prompts. */
export function effectivePairs(prompts: number, seedsPerPrompt: number, correlation: number): number {
  return (prompts * seedsPerPrompt) / (1 + (seedsPerPrompt - 1) * Math.min(1, Math.max(0, correlation)))
}

/**
 * Pairs needed to see a drift δ with the given power at two-sided level α (Connor 1987, equation 3):
 * n = (z_{1−α/2}·√ψ + z_{power}·√(ψ − δ²))² / δ².
 * `drift` δ and `discordance` ψ (share of pairs that flip either way) are fractions, 0 < |δ| ≤ ψ ≤ 1.
 */
export function pairsForDrift(drift: number, discordance: number, power = 0.8, alpha = 0.05): number {
  const delta = Math.abs(drift)
  const psi = Math.min(1, Math.max(discordance, delta))
  if (!(delta > 0)) return Infinity
  const root = normalQuantile(1 - alpha / 2) * Math.sqrt(psi) + normalQuantile(power) * Math.sqrt(psi - delta * delta)
  return Math.ceil((root * root) / (delta * delta))
}

/**
 * Exact power of the two-sided exact McNemar test with n pairs: the sum over the number of discordant pairs D of
 * P(D) · P(reject | D). `drift` and `discordance` are fractions as above.
 */
export function mcnemarPower(n: number, drift: number, discordance: number, alpha = 0.05): number {
  const psi = Math.min(1, Math.max(discordance, Math.abs(drift)))
  if (psi === 0) return 0
  const up = (psi + drift) / (2 * psi)
  let power = 0
  let critical = -1
  for (let d = 0; d <= n; d++) {
    // The critical count grows with d by 0 or 1.
    while (critical + 1 <= d / 2 && 2 * binomialCdf(critical + 1, d, 0.5) <= alpha) critical++
    while (critical >= 0 && 2 * binomialCdf(critical, d, 0.5) > alpha) critical--
    const mass = binomialPmf(d, n, psi)
    if (critical < 0 || mass < 1e-12) continue
    power += mass * (binomialCdf(critical, d, up) + binomialCdf(critical, d, 1 - up))
  }
  return Math.min(1, power)
}
