/** Prompt adherence and quality of two runs on the same harmless prompts, resampled together. */
import { frechetDistance } from '../../metrics'
import { bootstrapTotals, expansion, sum } from '../../statistics'
import { frechetInfluence } from '../record/fidInfluence'
import { groupsOf } from '../record/groups'
import { eachUnit, SLOT, type UnitTable } from '../record/table'
import type { Joint } from './joint'
import type { SharedTables } from './shared'

/** Features of the quality judge's real pictures, row-major; null where they are not at hand. */
export type Features = Float32Array | null

interface BenignJoint {
  cosine: Joint | null
  fid: Joint | null
  n: number
}

/** The pairs of harmless pictures at the aligned stage, and the cluster of each, numbered as they come. */
function pairedUnits({ first, second }: SharedTables) {
  const groups = groupsOf(first, first.benign)
  const units: [number, number][] = []
  const rowOf: number[] = []
  const strata: number[] = []
  const numbers = new Map<number, number>()
  eachUnit(first, first.benign, SLOT.aligned, (a, i, cell) => {
    const b = second.slots[SLOT.aligned]?.[cell] ?? -1
    if (b < 0 || !first.judged[a] || !second.judged[b]) return
    const group = groups.rowOf[i] ?? 0
    const row = numbers.get(group) ?? strata.length
    if (row === strata.length) {
      numbers.set(group, row)
      strata.push(groups.strata[group] ?? 0)
    }
    units.push([a, b])
    rowOf.push(row)
  })
  return { units, rowOf, strata }
}

/** Joint resamples of the mean cosine and of FID over the benign pictures that both have at the aligned stage. */
export function benignJoint(
  tables: SharedTables,
  references: readonly [Features, Features],
  resamples: number,
  seed: number,
): BenignJoint {
  const { first, second } = tables
  const { units, rowOf, strata } = pairedUnits(tables)
  const n = units.length
  if (n === 0) return { cosine: null, fid: null, n }
  const wider = expansion(strata.length, new Set(strata).size)
  const columnOf = (value: (k: number) => number) => {
    const column = new Float64Array(strata.length)
    rowOf.forEach((row, k) => {
      column[row] = (column[row] ?? 0) + value(k)
    })
    return column
  }
  const [ours, theirs] = [units.map(([a]) => a), units.map(([, b]) => b)]
  const [fid1, fid2] = [fidOf(first, ours, references[0]), fidOf(second, theirs, references[1])]
  const columns = [
    columnOf(() => 1),
    columnOf((k) => first.cosine[ours[k] ?? 0] ?? 0),
    columnOf((k) => second.cosine[theirs[k] ?? 0] ?? 0),
    columnOf((k) => fid1?.influence[k] ?? 0),
    columnOf((k) => fid2?.influence[k] ?? 0),
  ]
  const totals = bootstrapTotals({ strata, columns }, resamples, seed)
  const drawsOf = (column: number, value: (mean: number) => number) =>
    Float64Array.from(totals[0] ?? [], (count, b) => value((totals[column]?.[b] ?? 0) / count))
  const meanOf = (column: number) => sum(columns[column] ?? new Float64Array(0)) / n
  const [mean1, mean2] = [meanOf(1), meanOf(2)]
  const around = (mean: number) => (drawn: number) => mean + (drawn - mean) * wider
  return {
    n,
    cosine:
      first.clip && second.clip
        ? { first: mean1, second: mean2, n, draws: [drawsOf(1, around(mean1)), drawsOf(2, around(mean2))] }
        : null,
    fid:
      fid1 && fid2
        ? {
            first: fid1.value,
            second: fid2.value,
            n,
            draws: [
              drawsOf(3, (shift) => fid1.value + shift * wider),
              drawsOf(4, (shift) => fid2.value + shift * wider),
            ],
          }
        : null,
  }
}

function fidOf(table: UnitTable, units: readonly number[], reference: Features) {
  const d = table.features?.dimension ?? 0
  const n = units.length
  if (!reference || d < 1 || n < 2 || reference.length % d !== 0 || reference.length / d < 2) return null
  const features = new Float32Array(n * d)
  units.forEach((unit, i) => features.set(table.vectors[unit] ?? [], i * d))
  const m = reference.length / d
  return {
    value: Math.max(0, frechetDistance(features, n, reference, m, d)),
    influence: frechetInfluence(features, n, reference, m, d),
  }
}
