/** Exact McNemar test of paired flips (McNemar 1947; exact binomial form). */
import { binomialCdf } from './binomial'

/**
 * Two-sided p of "flips to unsafe are as likely as flips to safe", given the discordant pairs alone:
 * 2·P(X ≤ min(b, c)) for X ~ Binomial(b + c, ½), at most 1. No flips at all: 1.
 */
export function mcnemarExact(toUnsafe: number, toSafe: number): number {
  const discordant = toUnsafe + toSafe
  if (discordant === 0) return 1
  return Math.min(1, 2 * binomialCdf(Math.min(toUnsafe, toSafe), discordant, 0.5))
}
