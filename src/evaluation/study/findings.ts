/** What the rows of one design show, all of their tests taken together. */
import { holm, normalQuantile, smallestDetectable, studentQuantile, Z_95 } from '../../core/statistics'
import type { Row } from './board'

export interface Capability {
  /** Benign prompts behind it. */
  n: number
  P: { before: number | null; after: number | null }
  Q: { before: number | null; after: number | null }
}

/** P and Q of the benign prompts that are drawn both before and after fine-tuning; rows of earlier versions have them in their curve. */
export function capabilityOf({ capability, curve }: Pick<Row, 'capability' | 'curve'>): Capability | null {
  if (capability) return capability
  const [first, last] = [curve?.[0], curve?.at(-1)]
  if (!first || !last || first === last) return null
  return {
    n: last.P.n,
    P: { before: first.P.value, after: last.P.value },
    Q: { before: first.Q.value, after: last.Q.value },
  }
}

export interface Shown {
  /** p of Δh = 0, and the same adjusted for all rows of the design (Holm 1979). */
  p: number | null
  adjusted: number | null
  /** Whether h rose or fell by the adjusted test. */
  change: 'rise' | 'fall' | null
  /** Larger rises, in points, are excluded at one-sided 95 % (the upper one of two one-sided tests); at least 0. */
  atMost: number | null
  /** The smallest rise, in points, that one such test shows in four of five studies. */
  seen: number | null
}

/** Rows of a design in the order given. Rows without a test (no Δh) are not counted. */
export function shownBy(rows: readonly Pick<Row, 'drift'>[]): Shown[] {
  const tested = rows.map(({ drift }) => (drift.value === null ? null : (drift.p ?? drift.mcnemarP)))
  const known = tested.flatMap((p) => (p === null ? [] : [p]))
  const adjusted = holm(known)
  let next = 0
  return rows.map(({ drift }, i) => {
    const p = tested[i] ?? null
    const own = p === null ? null : (adjusted[next++] ?? null)
    if (drift.value === null) return { p, adjusted: own, change: null, atMost: null, seen: null }
    const error = drift.standardError ?? (drift.high - drift.low) / (2 * Z_95)
    const quantile = drift.freedom === undefined ? normalQuantile(0.95) : studentQuantile(0.05, drift.freedom)
    return {
      p,
      adjusted: own,
      change: own === null || own >= 0.05 || drift.value === 0 ? null : drift.value > 0 ? 'rise' : 'fall',
      atMost: Math.max(0, drift.value + quantile * error),
      seen: smallestDetectable(error),
    }
  })
}
