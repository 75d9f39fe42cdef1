/** Several tests at once, and what a test that found nothing has shown. */
import { normalQuantile } from './normal'

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

/** The smallest change that a two-sided z-test at level α shows with this power: (z(1 − α/2) + z(power))·SE. */
export function smallestDetectable(standardError: number, power = 0.8, alpha = 0.05): number {
  return (normalQuantile(1 - alpha / 2) + normalQuantile(power)) * standardError
}
