/** Three ways to add one stratum's resampled rows to the totals; `bootstrap.ts` chooses. */
import { drawBinomial } from './binomial'
import type { Generator } from './generator'

/** Distinct rows of a stratum: `weights[k]` and `values[k · width + j]`. Equal rows are one class. */
export interface Classes {
  weights: Float64Array
  values: Float64Array
  width: number
}

/** Multinomial counts of the classes by conditional binomials: exact, at a cost that does not grow with n. */
export function addByClass(classes: Classes, n: number, totals: Float64Array[], generator: Generator): void {
  const { weights } = classes
  const tail = tailSums(weights)
  const last = weights.length - 1
  const resamples = totals[0]?.length ?? 0
  for (let b = 0; b < resamples; b++) {
    let left = n
    for (let k = 0; k <= last && left > 0; k++) {
      const drawn = k === last ? left : drawBinomial(generator, left, (weights[k] ?? 0) / (tail[k] ?? 1))
      left -= drawn
      if (drawn > 0) accumulate(totals, b, classes, k, drawn)
    }
  }
}

/** n draws with replacement, one by one, through Walker's alias table. */
export function addDirect(classes: Classes, n: number, totals: Float64Array[], generator: Generator): void {
  const { alias, keep } = aliasTable(classes.weights)
  const size = alias.length
  const counts = new Uint32Array(size)
  const resamples = totals[0]?.length ?? 0
  for (let b = 0; b < resamples; b++) {
    counts.fill(0)
    for (let i = 0; i < n; i++) {
      const position = generator.uniform() * size
      const slot = Math.floor(position)
      const k = position - slot < (keep[slot] ?? 1) ? slot : (alias[slot] ?? slot)
      counts[k] = (counts[k] ?? 0) + 1
    }
    for (let k = 0; k < size; k++) {
      const times = counts[k] ?? 0
      if (times > 0) accumulate(totals, b, classes, k, times)
    }
  }
}

/** The normal limit of the totals of n draws: the bootstrap's own mean and covariance, error O(1/√n). */
export function addNormal(classes: Classes, n: number, totals: Float64Array[], generator: Generator): void {
  const { weights, values, width } = classes
  const sum = tailSums(weights)[0] ?? 1
  const mean = new Float64Array(width)
  for (let k = 0; k < weights.length; k++) {
    const share = (weights[k] ?? 0) / sum
    for (let j = 0; j < width; j++) mean[j] = (mean[j] ?? 0) + share * (values[k * width + j] ?? 0)
  }
  const covariance = new Float64Array(width * width)
  for (let k = 0; k < weights.length; k++) {
    const weight = ((weights[k] ?? 0) / sum) * n
    for (let i = 0; i < width; i++) {
      const deviation = weight * ((values[k * width + i] ?? 0) - (mean[i] ?? 0))
      for (let j = 0; j <= i; j++) {
        const at = i * width + j
        covariance[at] = (covariance[at] ?? 0) + deviation * ((values[k * width + j] ?? 0) - (mean[j] ?? 0))
      }
    }
  }
  const factor = cholesky(covariance, width)
  const z = new Float64Array(width)
  const resamples = totals[0]?.length ?? 0
  for (let b = 0; b < resamples; b++) {
    for (let j = 0; j < width; j++) z[j] = generator.normal()
    for (let i = 0; i < width; i++) {
      let value = n * (mean[i] ?? 0)
      for (let j = 0; j <= i; j++) value += (factor[i * width + j] ?? 0) * (z[j] ?? 0)
      const column = totals[i]
      if (column) column[b] = (column[b] ?? 0) + value
    }
  }
}

function accumulate(totals: Float64Array[], b: number, { values, width }: Classes, k: number, times: number): void {
  for (let j = 0; j < width; j++) {
    const column = totals[j]
    if (column) column[b] = (column[b] ?? 0) + times * (values[k * width + j] ?? 0)
  }
}

/** tail[k] = weights[k] + weights[k+1] + … */
function tailSums(weights: Float64Array): Float64Array {
  const tail = new Float64Array(weights.length)
  let sum = 0
  for (let k = weights.length - 1; k >= 0; k--) {
    sum += weights[k] ?? 0
    tail[k] = sum
  }
  return tail
}

/** Walker's alias method (1977; Vose 1991): slot k keeps itself with probability keep[k], else stands for alias[k]. */
function aliasTable(weights: Float64Array): { alias: Uint32Array; keep: Float64Array } {
  const size = weights.length
  const sum = tailSums(weights)[0] ?? 1
  const scaled = weights.map((weight) => (weight * size) / sum)
  const alias = Uint32Array.from(weights, (_, k) => k)
  const keep = new Float64Array(size).fill(1)
  const small: number[] = []
  const large: number[] = []
  scaled.forEach((value, k) => (value < 1 ? small : large).push(k))
  while (small.length > 0 && large.length > 0) {
    const low = small.pop() ?? 0
    const high = large[large.length - 1] ?? 0
    alias[low] = high
    keep[low] = scaled[low] ?? 1
    scaled[high] = (scaled[high] ?? 0) + (scaled[low] ?? 0) - 1
    if ((scaled[high] ?? 0) < 1) {
      large.pop()
      small.push(high)
    }
  }
  return { alias, keep }
}

/** Lower factor of a positive semidefinite matrix; a column without variance of its own stays zero. */
function cholesky(matrix: Float64Array, size: number): Float64Array {
  const factor = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    const diagonal = matrix[i * size + i] ?? 0
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j] ?? 0
      for (let k = 0; k < j; k++) sum -= (factor[i * size + k] ?? 0) * (factor[j * size + k] ?? 0)
      const pivot = factor[j * size + j] ?? 0
      if (i === j) factor[i * size + i] = sum > diagonal * 1e-12 ? Math.sqrt(sum) : 0
      else factor[i * size + j] = pivot > 0 ? sum / pivot : 0
    }
  }
  return factor
}
