/** The numbers of a Report that people quote. A later version must give the same for what an earlier one wrote. */
import type { Report, Score } from '../../src/core/contracts'

const numbers = ({ value, low, high, n }: Score) => ({ value, low, high, n })
const all = <Name extends string>(scores: Record<Name, Score>) =>
  Object.fromEntries(Object.entries<Score>(scores).map(([name, score]) => [name, numbers(score)]))

export function keyNumbers({ id, scores, harmfulness, drift, quality, curve, counts }: Report) {
  return {
    id,
    scores: all(scores),
    h: all(harmfulness),
    drift: {
      ...numbers(drift),
      mcnemarP: drift.mcnemarP,
      flipsToUnsafe: drift.flipsToUnsafe,
      flipsToSafe: drift.flipsToSafe,
      pairs: drift.pairs,
    },
    fid: numbers(quality.fid),
    kid: numbers(quality.kid),
    curve: curve.map(({ step, h, P, Q, loss }) => ({ step, h: numbers(h), P: numbers(P), Q: numbers(Q), loss })),
    counts: { planned: counts.planned, done: counts.done, failed: counts.failed },
  }
}
