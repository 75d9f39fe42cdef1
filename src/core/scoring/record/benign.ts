/** Prompt adherence and quality of the benign images at one slot. */
import { frechetDistance, kernelDistance } from '../../metrics'
import type { Score } from '../../contracts/report'
import { bootstrapTotals, expansion, percentileInterval, Z_95, type Interval } from '../../statistics'
import { groupsOf } from './groups'
import { frechetInfluence } from './fidInfluence'
import { kernelInfluence } from './kidInfluence'
import { estimate, missing } from './score'
import { eachUnit, type UnitTable } from './table'

/** The m × d features of the judge's real pictures, or why they are not at hand. */
export interface Reference {
  features: Float32Array
  rows: number
}

export interface BenignDraws {
  /** Raw mean cosine and its resamples, NaN where a single prompt tells nothing of their spread; null without images. */
  cosine: { value: number; n: number; draws: Float64Array } | null
  /** FID and its resamples; null with `reason`. */
  fid: { value: number; n: number; draws: Float64Array } | null
  kid: Score
  fidReason: string
}

const NO_SPREAD = 'One prompt says nothing of the spread between prompts; an interval needs at least two.'

/** KID by the packages' convention (100 subsets of up to 1,000) up to this many images; fewer, smaller subsets above. */
const KID_FULL = 1000
const KID_LARGE = { subsets: 4, subsetSize: 500 }

/**
 * Means and resamples over the benign prompts, one stream for both, so that P and Q stay paired. `withKid` is false
 * along the training curve, where only FID is drawn.
 */
export function benignDraws(
  table: UnitTable,
  slot: number,
  reference: Reference | null,
  resamples: number,
  seed: number,
  withKid: boolean,
): BenignDraws {
  const { units, rowOfUnit: promptRow, strata } = benignRows(table, slot)
  const n = units.length
  const none = 'No benign image was judged at this stage.'
  if (n === 0) return { cosine: null, fid: null, kid: missing(none), fidReason: none }

  const images = new Float64Array(strata.length)
  const cosines = new Float64Array(strata.length)
  units.forEach((unit, i) => {
    const row = promptRow[i] ?? 0
    images[row] = (images[row] ?? 0) + 1
    cosines[row] = (cosines[row] ?? 0) + (table.cosine[unit] ?? 0)
  })
  const distance = featureDistance(table, units, promptRow, reference, withKid)
  const influence = new Float64Array(strata.length)
  distance.influence?.forEach((value, i) => {
    const row = promptRow[i] ?? 0
    influence[row] = (influence[row] ?? 0) + value
  })
  const totals = bootstrapTotals({ strata, columns: [images, cosines, influence] }, resamples, seed)
  const mean = (column: number) => Float64Array.from(totals[0] ?? [], (count, b) => (totals[column]?.[b] ?? 0) / count)
  const cosine = cosines.reduce((a, b) => a + b, 0) / n
  const wider = expansion(strata.length, new Set(strata).size)
  return {
    cosine: table.clip ? { value: cosine, n, draws: mean(1).map((draw) => cosine + (draw - cosine) * wider) } : null,
    fid:
      distance.fid === null
        ? null
        : {
            value: distance.fid,
            n,
            draws: mean(2).map((shift) => (distance.fid ?? 0) + shift * (table.rule === 1 ? 1 : wider)),
          },
    kid: distance.kid,
    fidReason: distance.reason,
  }
}

/** Judged units of a slot, and the prompt or cluster of prompts that each belongs to, numbered as they come. */
function benignRows(table: UnitTable, slot: number): { units: number[]; rowOfUnit: number[]; strata: number[] } {
  const groups = groupsOf(table, table.benign)
  const units: number[] = []
  const rowOfUnit: number[] = []
  const strata: number[] = []
  const numbers = new Map<number, number>()
  eachUnit(table, table.benign, slot, (unit, i) => {
    if (!table.judged[unit]) return
    const group = groups.rowOf[i] ?? 0
    const row = numbers.get(group) ?? strata.length
    if (row === strata.length) {
      numbers.set(group, row)
      strata.push(groups.strata[group] ?? 0)
    }
    units.push(unit)
    rowOfUnit.push(row)
  })
  return { units, rowOfUnit, strata }
}

interface Distance {
  fid: number | null
  kid: Score
  influence: Float64Array | null
  reason: string
}

function featureDistance(
  table: UnitTable,
  units: readonly number[],
  rowOfUnit: readonly number[],
  reference: Reference | null,
  withKid: boolean,
): Distance {
  const without = (reason: string): Distance => ({ fid: null, kid: missing(reason), influence: null, reason })
  if (!table.features) return without('The run has no quality judge.')
  if (!reference) return without('The reference features of the quality judge are not at hand.')
  const n = units.length
  if (n < 2) return without('One benign image has no covariance; FID needs at least two.')
  const d = table.features.dimension
  const features = new Float32Array(n * d)
  units.forEach((unit, i) => features.set(table.vectors[unit] ?? [], i * d))
  const fid = Math.max(0, frechetDistance(features, n, reference.features, reference.rows, d))
  const influence = frechetInfluence(features, n, reference.features, reference.rows, d)
  const kid = table.features.reference?.moments
    ? missing('The reference is known by its mean and covariance only, and KID needs its features.')
    : withKid
      ? kernelScore(features, n, reference, d, table.rule === 1 ? null : rowOfUnit)
      : missing('KID is not computed along the curve.')
  return { fid, kid, influence, reason: '' }
}

/**
 * KID with a normal 95 % interval from the images' influences (the reference taken as given). The subset standard
 * deviation that packages print is no standard error: it measures the subsets, not the images.
 */
function kernelScore(
  features: Float32Array,
  n: number,
  reference: Reference,
  d: number,
  rowOfUnit: readonly number[] | null,
): Score {
  const { mean: value, std } = kernelDistance(
    features,
    n,
    reference.features,
    reference.rows,
    d,
    n <= KID_FULL ? {} : KID_LARGE,
  )
  const used = n <= KID_FULL ? n : KID_LARGE.subsetSize
  const influence = kernelInfluence(
    features.subarray(0, used * d),
    used,
    reference.features,
    Math.min(reference.rows, KID_FULL),
    d,
  )
  const variance = rowOfUnit ? clusteredVariance(influence, rowOfUnit) : meanSquare(influence)
  // Few subsets do not see every image: their mean has an error of its own.
  const ofSubsets = n <= KID_FULL ? 0 : std ** 2 / (KID_LARGE.subsets - 1)
  const half = Z_95 * Math.sqrt(variance / n + ofSubsets)
  return estimate(value, { low: value - half, high: value + half }, n)
}

const meanSquare = (terms: Float64Array): number =>
  terms.reduce((sum, term) => sum + term * term, 0) / Math.max(1, terms.length - 1)

/** Of n images' influences, n times the variance of their mean when images of one row depend on each other. */
function clusteredVariance(influence: Float64Array, rowOfUnit: readonly number[]): number {
  const sums = new Map<number, number>()
  influence.forEach((term, i) => sums.set(rowOfUnit[i] ?? 0, (sums.get(rowOfUnit[i] ?? 0) ?? 0) + term))
  const rows = sums.size
  const squares = [...sums.values()].reduce((total, value) => total + value * value, 0)
  const wider = rows === influence.length ? 1 : expansion(rows, 1) ** 2 * ((rows - 1) / rows)
  return ((squares / influence.length) * rows * wider) / Math.max(1, rows - 1)
}

/** P or the FID itself with its percentile interval; `map` turns a draw into the score. */
export function mappedScore(
  part: { value: number; n: number; draws: Float64Array },
  map: (value: number) => number,
): Score {
  const value = map(part.value)
  const interval: Interval | null = percentileInterval(part.draws.map(map), value)
  return interval ? estimate(value, interval, part.n) : missing(NO_SPREAD, part.n)
}
