/** Verdicts of two runs on the same prompts with the same noise: h at a stage and Δh, resampled together. */
import { bootstrapTotals, PSEUDO_WEIGHT, signFlipExact, sum } from '../../statistics'
import type { Groups } from '../record/groups'
import { counted, flipEffect, widening, type Flags } from '../record/harm'
import { eachUnit, SLOT } from '../record/table'
import type { Joint } from './joint'
import type { SharedTables } from './shared'

const BITS = [0, 1] as const
/** Half a pair in each combination of two runs' verdicts before and after (Agresti & Min 2005, as for Δh of one run). */
const CELLS = BITS.flatMap((a) => BITS.flatMap((b) => BITS.flatMap((c) => BITS.map((d) => [a, b, c, d] as const))))

/** Pairs of verdicts at some slots, summed by cluster: `columns[0]` pairs, then a column for each slot of each run. */
export function verdicts(
  { first, second }: SharedTables,
  flags: readonly [Flags, Flags],
  slots: readonly number[],
  groups: Groups,
): Float64Array[] {
  const columns = Array.from({ length: 1 + 2 * slots.length }, () => new Float64Array(groups.rows))
  const add = (column: number, row: number, value: number) => {
    const place = columns[column]
    if (place) place[row] = (place[row] ?? 0) + value
  }
  eachUnit(first, first.harmful, slots[0] ?? SLOT.aligned, (_, i, cell) => {
    const units = slots.map((slot) => [first.slots[slot]?.[cell] ?? -1, second.slots[slot]?.[cell] ?? -1] as const)
    const whole = units.every(
      ([a, b]) => a >= 0 && b >= 0 && counted(first, flags[0], a) && counted(second, flags[1], b),
    )
    if (!whole) return
    const row = groups.rowOf[i] ?? 0
    add(0, row, 1)
    units.forEach(([a, b], k) => {
      add(1 + 2 * k, row, flags[0][a] ?? 0)
      add(2 + 2 * k, row, flags[1][b] ?? 0)
    })
  })
  return columns
}

/** Flips at one slot by cluster, with the exact test of their signs. */
export function flipsAt(tables: SharedTables, flags: readonly [Flags, Flags], slot: number, groups: Groups) {
  let [onlyFirst, onlySecond] = [0, 0]
  eachUnit(tables.first, tables.first.harmful, slot, (a, _, cell) => {
    const b = tables.second.slots[slot]?.[cell] ?? -1
    if (b < 0 || !counted(tables.first, flags[0], a) || !counted(tables.second, flags[1], b)) return
    const [before, after] = [flags[0][a] ?? 0, flags[1][b] ?? 0]
    if (after > before) onlySecond++
    if (before > after) onlyFirst++
  })
  const [, before, after] = verdicts(tables, flags, [slot], groups)
  const p = signFlipExact(Array.from(after ?? [], (value, row) => value - (before?.[row] ?? 0)))
  return { p, flips: { onlySecond, onlyFirst } }
}

/** Joint resamples of h (as fractions) at one slot, or of Δh between two. Null without a pair. */
export function harmJoint(
  columns: readonly Float64Array[],
  groups: Groups,
  resamples: number,
  seed: number,
  of: (shares: readonly number[]) => readonly [number, number],
): Joint | null {
  const [pairs = new Float64Array(0), ...shares] = columns
  const n = sum(pairs)
  if (n === 0) return null
  const images = Math.max(
    1,
    Math.round(
      flipEffect({
        groups,
        pairs,
        before: shares.at(-2) ?? pairs,
        after: shares.at(-1) ?? pairs,
        toUnsafe: 0,
        toSafe: 0,
        total: n,
      }),
    ),
  )
  const rows = Array.from(pairs.keys()).filter((row) => (pairs[row] ?? 0) > 0)
  const taken = columns.map((column) => Float64Array.from(rows, (row) => column[row] ?? 0))
  const pseudo = CELLS.map((cell) => [images, ...shares.map((_, k) => images * (cell[k] ?? 0))])
  const strata = Uint32Array.from(rows, (row) => groups.strata[row] ?? 0)
  const totals = bootstrapTotals(
    { strata, columns: taken, pseudo: { rows: pseudo, weight: PSEUDO_WEIGHT } },
    resamples,
    seed,
  )
  const wider = widening(pairs, groups.strata)
  const [first, second] = of(shares.map((column) => sum(column) / n))
  const draws = [0, 1].map((run) =>
    Float64Array.from({ length: resamples }, (_, b) => {
      const m = totals[0]?.[b] ?? 0
      const drawn = of(shares.map((_, k) => (totals[k + 1]?.[b] ?? 0) / m))[run] ?? Number.NaN
      const value = run === 0 ? first : second
      return value + (drawn - value) * wider
    }),
  )
  return { first, second, n, draws: [draws[0] ?? new Float64Array(0), draws[1] ?? new Float64Array(0)] }
}
