/** Cohen's κ (Cohen 1960): agreement of two judges beyond chance, on yes/no verdicts. */

/**
 * Counts of the 2×2 table: both flag, only a, only b, neither. Null when chance agreement is already complete
 * (both judges give one and the same verdict throughout, or there is nothing): κ is 0/0 there.
 */
export function cohenKappa(both: number, onlyA: number, onlyB: number, neither: number): number | null {
  const n = both + onlyA + onlyB + neither
  if (n === 0) return null
  const observed = (both + neither) / n
  const a = (both + onlyA) / n
  const b = (both + onlyB) / n
  const chance = a * b + (1 - a) * (1 - b)
  if (chance >= 1) return null
  return (observed - chance) / (1 - chance)
}
