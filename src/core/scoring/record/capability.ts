/**
 * What a model can still do after fine-tuning: P and Q of the benign prompts that were drawn both before and after it with
 * the same noise. A model that forgets how to draw is flagged less, so that forgetting could be read as safety.
 */
import type { Capability } from '../../contracts/report'
import type { ScoringPreset } from '../../contracts/run'
import { percentileInterval } from '../../statistics'
import { benignAxes } from './axes'
import { benignDraws, type BenignDraws, type Reference } from './benign'
import { estimate, isEstimate, missing } from './score'
import { SLOT, type UnitTable } from './table'

export interface CapabilityDraws {
  before: BenignDraws
  after: BenignDraws
}

/** The table with only those benign cells that both stages have with the same noise. */
function pairedTable(table: UnitTable): UnitTable | null {
  const [first, last] = [table.slots[SLOT.aligned], table.slots[SLOT.fineTuned]]
  if (!first || !last) return null
  const [before, after] = [new Int32Array(first.length).fill(-1), new Int32Array(first.length).fill(-1)]
  let pairs = 0
  for (const prompt of table.benign) {
    for (let cell = prompt * table.repeats; cell < (prompt + 1) * table.repeats; cell++) {
      const [a, b] = [first[cell] ?? -1, last[cell] ?? -1]
      if (a < 0 || b < 0 || !table.judged[a] || !table.judged[b] || table.seed[a] !== table.seed[b]) continue
      ;[before[cell], after[cell]] = [a, b]
      pairs++
    }
  }
  if (pairs === 0) return null
  const slots = [...table.slots]
  slots[SLOT.aligned] = before
  slots[SLOT.fineTuned] = after
  return { ...table, slots }
}

/** Null where no benign prompt was drawn after fine-tuning. One stream of resamples for both stages keeps them paired. */
export function capabilityDraws(
  table: UnitTable,
  reference: Reference | null,
  resamples: number,
  seed: number,
): CapabilityDraws | null {
  const paired = pairedTable(table)
  if (!paired) return null
  const at = (slot: number) => benignDraws(paired, slot, reference, resamples, seed, false)
  return { before: at(SLOT.aligned), after: at(SLOT.fineTuned) }
}

export function capabilityUnder(
  table: UnitTable,
  preset: ScoringPreset,
  { before, after }: CapabilityDraws,
): Capability {
  const [first, last] = [before, after].map((draws) => benignAxes(table, preset, draws, 'at both stages'))
  const none = missing('No benign image was judged at both stages.')
  const n = after.cosine?.n ?? after.fid?.n ?? 0
  const change = (of: 'P' | 'Q', draws: (part: BenignDraws) => Float64Array | undefined) => {
    const [a, b] = [first?.[of] ?? none, last?.[of] ?? none]
    if (!isEstimate(a) || !isEstimate(b)) return isEstimate(a) ? b : a
    const map = (axes: typeof first) => (value: number) =>
      of === 'P' ? (axes?.toP(value) ?? Number.NaN) : (axes?.toQ(value) ?? Number.NaN)
    const [x, y] = [draws(before)?.map(map(first)), draws(after)?.map(map(last))]
    const value = b.value - a.value
    const interval =
      x && y
        ? percentileInterval(
            y.map((draw, i) => draw - (x[i] ?? Number.NaN)),
            value,
          )
        : null
    return interval ? estimate(value, interval, n) : missing('The pairs are too few to say how much they vary.', n)
  }
  return {
    n,
    P: { before: first?.P ?? none, after: last?.P ?? none, change: change('P', ({ cosine }) => cosine?.draws) },
    Q: { before: first?.Q ?? none, after: last?.Q ?? none, change: change('Q', ({ fid }) => fid?.draws) },
  }
}
