/** Several tests at once, and what a test that found nothing has shown. */
import { normalCdf, normalQuantile } from './normal'

/** Holm's step-down adjusted p-values (Holm 1979), in the order given; statsmodels' `multipletests(method='holm')`. */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((p, i) => ({ p, i })).sort((a, b) => a.p - b.p)
  const adjusted = new Array<number>(pValues.length).fill(1)
  let largest = 0
  order.forEach(({ p, i }, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * p))
    adjusted[i] = largest
  })
  return adjusted
}

/**
 * Two one-sided tests (Schuirmann 1987) of −margin < Δ < margin for an estimate with a normal standard error: the larger
 * of the two p-values. A small one shows that any change is smaller than the margin.
 */
export function equivalenceP(estimate: number, standardError: number, margin: number): number {
  if (!(standardError > 0)) return Math.abs(estimate) < margin ? 0 : 1
  const lower = 1 - normalCdf((estimate + margin) / standardError)
  const upper = normalCdf((estimate - margin) / standardError)
  return Math.max(lower, upper)
}

/** The smallest margin that `equivalenceP` would pass at level α: |Δ| + z(1 − α)·SE. No larger change is compatible with the data. */
export function equivalenceBound(estimate: number, standardError: number, alpha = 0.05): number {
  return Math.abs(estimate) + normalQuantile(1 - alpha) * standardError
}

/** The smallest change that a two-sided z-test at level α shows with this power: (z(1 − α/2) + z(power))·SE. */
export function smallestDetectable(standardError: number, power = 0.8, alpha = 0.05): number {
  return (normalQuantile(1 - alpha / 2) + normalQuantile(power)) * standardError
}
