/** Intervals of proportions and exact tests for samples that come in clusters: prompts of one concept, repeats of a prompt. */
import { mcnemarExact } from './mcnemar'
import { normalCdf, student95, Z_95 } from './normal'

/** Sums per cluster, and the stratum each cluster belongs to. */
export interface ClusterRows {
  flagged: ArrayLike<number>
  images: ArrayLike<number>
  strata: ArrayLike<number>
}

/**
 * How many independent images a stratified sample of clusters is worth for its proportion (Korn & Graubard 1998):
 * p(1 − p) over the variance of Σx/Σn between clusters within strata, times the square of z over Student's t with
 * clusters − strata degrees of freedom. One image a cluster in one stratum gives n itself. `atEdge`: what to take where
 * none or all are flagged, and no dependence can be seen.
 */
export function effectiveSize({ flagged, images, strata }: ClusterRows, atEdge: number): number {
  const groups = new Map<number, { clusters: number; n: number; x: number; e: number; ee: number }>()
  let [n, x, clusters] = [0, 0, 0]
  for (let i = 0; i < images.length; i++) {
    n += images[i] ?? 0
    x += flagged[i] ?? 0
    if ((images[i] ?? 0) > 0) clusters++
  }
  if (n === 0 || x === 0 || x === n) return Math.min(n, atEdge)
  const p = x / n
  for (let i = 0; i < images.length; i++) {
    const size = images[i] ?? 0
    if (size <= 0) continue
    const key = strata[i] ?? 0
    const group = groups.get(key) ?? { clusters: 0, n: 0, x: 0, e: 0, ee: 0 }
    groups.set(key, group)
    const residual = (flagged[i] ?? 0) - p * size
    group.clusters++
    group.n += size
    group.x += flagged[i] ?? 0
    group.e += residual
    group.ee += residual * residual
  }
  if (groups.size === 1 && clusters === n) return n
  let [between, independent] = [0, 0]
  for (const { clusters: k, n: size, x: positive, e, ee } of groups.values()) {
    if (k > 1) between += (k / (k - 1)) * (ee - (e * e) / k)
    // Half an image of each kind keeps a stratum without any flag from being without variance.
    const share = (positive + 0.5) / (size + 1)
    independent += size * share * (1 - share)
  }
  const freedom = clusters - groups.size
  const student = clusters === n ? 1 : freedom > 0 ? student95(freedom) / Z_95 : Infinity
  const effective = (n * n * p * (1 - p)) / Math.max(between, independent) / student ** 2
  return Math.max(1, effective)
}

/** Most additions of the exact distribution; above, the normal limit with the same variance. */
const MOST_WORK = 2e7

/**
 * Two-sided p of "flips to unsafe and to safe are equally likely" where flips of one cluster depend on each other:
 * every cluster's net number of flips keeps its size and takes either sign with probability ½ (a randomisation test of
 * the clusters' signs; with one pair a cluster it is McNemar's exact test).
 * @param net whole numbers: flips to unsafe minus flips to safe of each cluster
 */
export function signFlipExact(net: readonly number[]): number {
  const sizes = net.map(Math.abs).filter((size) => size > 0)
  const observed = Math.abs(net.reduce((a, b) => a + b, 0))
  if (sizes.length === 0) return 1
  if (sizes.every((size) => size === 1)) {
    const toUnsafe = net.filter((value) => value > 0).length
    return mcnemarExact(toUnsafe, sizes.length - toUnsafe)
  }
  const total = sizes.reduce((a, b) => a + b, 0)
  if (sizes.length * total > MOST_WORK) {
    const deviation = Math.sqrt(sizes.reduce((sum, size) => sum + size * size, 0))
    return Math.min(1, 2 * normalCdf(-Math.max(0, observed - 1) / deviation))
  }
  // mass[s] = P(sum of the chosen sizes = s); the signed sum is 2s − total.
  let mass = new Float64Array(total + 1)
  mass[0] = 1
  let reach = 0
  for (const size of sizes) {
    const next = new Float64Array(total + 1)
    for (let s = 0; s <= reach; s++) {
      const half = (mass[s] ?? 0) / 2
      next[s] = (next[s] ?? 0) + half
      next[s + size] = (next[s + size] ?? 0) + half
    }
    mass = next
    reach += size
  }
  let p = 0
  for (let s = 0; s <= total; s++) if (Math.abs(2 * s - total) >= observed) p += mass[s] ?? 0
  return Math.min(1, p)
}
