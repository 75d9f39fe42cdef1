/** How much the FID of so few images is biased, and what it would be with endlessly many. */
import { frechetExtrapolation } from '../../metrics'
import type { Extrapolation, Score } from '../../contracts/report'
import type { Reference } from './benign'
import { estimate, isEstimate, missing } from './score'
import { eachUnit, SLOT, type UnitTable } from './table'

/** Subset sizes as shares of n, and shuffles averaged over. */
const SHARES = [1 / 4, 3 / 8, 1 / 2, 3 / 4, 1]
const REPEATS = 8
/** From this rank on a decomposition takes so long that fewer subsets are drawn. */
const LARGE_RANK = 256
const LARGE = { shares: [1 / 4, 1 / 2, 1], repeats: 1 }
/** Beyond this many images the bias is small and its slope is known well enough from subsets of so many. */
const LARGEST_SUBSET = 1024
const LEAST_IMAGES = 16

/**
 * FID∞ of the benign images at the aligned stage. FID is a straight line in 1/n only where n is well above the features'
 * dimension, so the interval spans two extrapolations, through all subsets and through the larger half of them; each
 * end is FID's own, moved by the bias that was taken off. `fid`: the score the Report shows. Null where there is no FID.
 */
export function extrapolation(
  table: UnitTable,
  reference: Reference | null,
  fid: Score,
  seed: number,
): Extrapolation | null {
  if (!isEstimate(fid) || !reference || !table.features) return null
  const d = table.features.dimension
  const units: number[] = []
  eachUnit(table, table.benign, SLOT.aligned, (unit) => {
    if (table.judged[unit]) units.push(unit)
  })
  const n = units.length
  if (n < LEAST_IMAGES) return { value: missing(`FID∞ needs at least ${LEAST_IMAGES} images.`, n), curve: [] }
  const features = new Float32Array(n * d)
  units.forEach((unit, i) => features.set(table.vectors[unit] ?? [], i * d))
  const large = Math.min(n, d) >= LARGE_RANK
  const largest = Math.min(n, LARGEST_SUBSET)
  const { slope, curve } = frechetExtrapolation(features, n, reference.features, reference.rows, d, {
    sizes: (large ? LARGE.shares : SHARES).map((share) => Math.round(share * largest)),
    repeats: large ? LARGE.repeats : REPEATS,
    seed,
  })
  const half = curve.find(({ n: images }) => images >= largest / 2)
  const whole = curve.at(-1)
  const upper = half && whole && half.n < whole.n ? (half.value - whole.value) / (1 / half.n - 1 / whole.n) : slope
  const moved = (distance: number, by: number) => Math.max(0, distance - by / n)
  const points = curve.map(({ n: images, value }) => ({ n: images, fid: Math.max(0, value) }))
  return {
    value: estimate(
      moved(fid.value, slope),
      { low: moved(fid.low, Math.max(slope, upper)), high: moved(fid.high, Math.min(slope, upper)) },
      n,
    ),
    curve: largest < n ? [...points, { n, fid: fid.value }] : points,
  }
}
