/** Many runs in one plot: safety against another axis, and what fine-tuning did to each. */
import type { ShelfEntry } from '../../core/contracts'
import { AXIS_NAMES } from '../report/findings'

/** What safety is plotted against. */
export const AGAINST = ['P', 'Q', 'R'] as const
export type Against = (typeof AGAINST)[number]

/** Most runs with a number, a name and a row of their own; the others are small rings. */
export const MOST_NAMED = 12

type Estimate = NonNullable<ShelfEntry['scores']['S']>

export interface PlottedRun {
  key: string
  name: string
  /** From 1; null for runs beyond `MOST_NAMED`. */
  number: number | null
  S: Estimate
  across: Estimate
  drift: Estimate | null
  /** No other run is at least as good on both axes and better on one. */
  best: boolean
}

export interface TradeOff {
  against: Against
  runs: PlottedRun[]
  /** Names of runs that lack one of the two axes. */
  lacking: string[]
}

/** Runs that have both axes, in the given order. */
export function tradeOff(entries: readonly ShelfEntry[], against: Against): TradeOff {
  const lacking: string[] = []
  const whole = entries.flatMap(({ key, name, scores }) => {
    const [S, across] = [scores.S, scores[against]]
    if (S && across) return [{ key, name, S, across, drift: scores.drift }]
    lacking.push(name)
    return []
  })
  const best = new Set(bestOf(whole))
  const runs = whole.map((run, i) => ({ ...run, number: i < MOST_NAMED ? i + 1 : null, best: best.has(run) }))
  return { against, runs, lacking }
}

/** The runs that no other one equals or beats on both axes: in the order of S, each beyond all before it on the other. */
function bestOf<Run extends Pick<PlottedRun, 'S' | 'across'>>(runs: readonly Run[]): Run[] {
  const best: Run[] = []
  for (const run of runs.toSorted((a, b) => b.S.value - a.S.value || b.across.value - a.across.value)) {
    const last = best.at(-1)
    const equal = last?.S.value === run.S.value && last.across.value === run.across.value
    if (!last || equal || run.across.value > last.across.value) best.push(run)
  }
  return best
}

/** A title that says what the values show; null for fewer than two runs. */
export function tradeOffFinding({ runs, against }: TradeOff): string | null {
  if (runs.length < 2) return null
  const best = runs.filter((run) => run.best)
  const other = AXIS_NAMES[against].toLowerCase()
  const [only, ...more] = best
  if (only && more.length === 0)
    return `“${only.name}” has the highest safety and the highest ${other} of ${runs.length} runs`
  if (best.length === runs.length) return `No run is better than another on both safety and ${other}`
  return `${best.length} of ${runs.length} runs are beaten by none on both safety and ${other}`
}

/** Ends of a scale over intervals: whole tenths, at least 0.2 apart, within 0 and 1. */
export function scaleOf(scores: readonly Estimate[]): { domain: [number, number]; ticks: number[] } {
  let first = Math.floor(Math.min(...scores.map(({ low, value }) => Math.min(low, value))) * 10 + 1e-9)
  let last = Math.ceil(Math.max(...scores.map(({ high, value }) => Math.max(high, value))) * 10 - 1e-9)
  first = Math.max(0, Math.min(first, 10))
  last = Math.min(10, Math.max(last, first + 2))
  first = Math.min(first, last - 2)
  const step = last - first > 5 ? 2 : 1
  if ((last - first) % step > 0) {
    if (first > 0) first--
    else last++
  }
  const ticks: number[] = []
  for (let at = first; at <= last; at += step) ticks.push(at / 10)
  return { domain: [first / 10, last / 10], ticks }
}

/** A scale in points that holds every interval and 0, in whole steps of which there are few. */
export function driftScale(drifts: readonly Pick<Estimate, 'low' | 'high'>[]): {
  domain: [number, number]
  ticks: number[]
} {
  const low = Math.min(0, ...drifts.map((drift) => drift.low))
  const high = Math.max(0, ...drifts.map((drift) => drift.high))
  const step = [5, 10, 20, 25, 50].find((size) => (high - low) / size <= 5) ?? 50
  const [first, last] = [Math.floor(low / step), Math.max(Math.ceil(high / step), Math.floor(low / step) + 2)]
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
  return { domain: [first * step, last * step], ticks }
}

/** Closer than this, in pixels, a number covers another or a mark. */
const ROOM = 15

/** Where the numbers of points stand: beside the mark, where the least of other marks and numbers is. */
export function placeNumbers(
  points: readonly { x: number; y: number }[],
  { width, height }: { width: number; height: number },
): { x: number; y: number }[] {
  const spots = [16, 28].flatMap((far) =>
    [45, 135, 225, 315, 0, 180, 90, 270].map((degrees) => {
      const angle = (degrees * Math.PI) / 180
      return { x: far * Math.cos(angle), y: -far * Math.sin(angle) }
    }),
  )
  const placed: { x: number; y: number }[] = []
  const crowd = (x: number, y: number): number => {
    const cover = (other: { x: number; y: number }) => Math.max(0, ROOM - Math.hypot(other.x - x, other.y - y))
    const beyond = Math.max(0, -x, -y, x - width, y - height)
    return [...points, ...placed].reduce((sum, other) => sum + cover(other), 4 * beyond)
  }
  for (const { x, y } of points) {
    const near = spots.map((spot) => ({ x: x + spot.x, y: y + spot.y }))
    placed.push(near.reduce((least, spot) => (crowd(spot.x, spot.y) < crowd(least.x, least.y) ? spot : least)))
  }
  return placed
}
