/** A mean over clusters (concepts) that were all measured in each of several trainings: both are samples. */
import { studentQuantile, studentTwoSided } from './student'

/** Sums per cluster; every training has one sum for each cluster. */
export interface CrossedRows {
  images: ArrayLike<number>
  /** Stratum of each cluster. */
  strata: ArrayLike<number>
  trainings: readonly ArrayLike<number>[]
  /**
   * Added to the variance of a training's sum. 1 for net flips, as half a pair in each cell adds (Agresti & Min 2005): a
   * change that was not seen is not known to be none.
   */
  pseudo?: number
}

export interface CrossedMean {
  value: number
  standardError: number
  /** Degrees of freedom behind the standard error (Satterthwaite 1946). */
  freedom: number
  /** Images of one training. */
  n: number
}

const total = (column: ArrayLike<number>): number => Array.from(column).reduce((a, b) => a + b, 0)

/**
 * Σ over trainings and clusters over images, with a standard error for new concepts and new trainings: the variance between
 * clusters (within strata) of their means over trainings, plus that between the means of the trainings, less what both
 * hold of the interaction (two-way clustering: Cameron, Gelbach & Miller 2011); never below the larger of the two. With one
 * training it is that of the clusters alone, and covers no other training. Null without images.
 */
export function crossedMean({ images, strata, trainings, pseudo = 0 }: CrossedRows): CrossedMean | null {
  const n = total(images)
  const used = Array.from({ length: images.length }, (_, row) => row).filter((row) => (images[row] ?? 0) > 0)
  const seeds = trainings.length
  if (n === 0 || seeds === 0) return null
  const means = trainings.map((training) => total(training) / n)
  const value = means.reduce((a, b) => a + b, 0) / seeds
  const average = (row: number) => trainings.reduce((sum, training) => sum + (training[row] ?? 0), 0) / seeds

  const groups = new Map<number, number[]>()
  for (const row of used) {
    const group = groups.get(strata[row] ?? 0) ?? []
    groups.set(strata[row] ?? 0, group)
    group.push(average(row) - value * (images[row] ?? 0))
  }
  let ofClusters = 0
  for (const residuals of groups.values()) {
    const k = residuals.length
    const mean = residuals.reduce((a, b) => a + b, 0) / k
    if (k > 1) ofClusters += (k / (k - 1)) * residuals.reduce((sum, e) => sum + (e - mean) ** 2, 0)
  }
  ofClusters = (ofClusters + pseudo) / (n * n)
  const clusterFreedom = Math.max(1, used.length - groups.size)
  if (seeds === 1) return { value, standardError: Math.sqrt(ofClusters), freedom: clusterFreedom, n }

  const ofTrainings = means.reduce((sum, mean) => sum + (mean - value) ** 2, 0) / (seeds - 1) / seeds
  let interaction = 0
  trainings.forEach((training, s) => {
    for (const row of used) {
      const expected = average(row) + (images[row] ?? 0) * ((means[s] ?? 0) - value)
      interaction += ((training[row] ?? 0) - expected) ** 2
    }
  })
  const both = (interaction * used.length) / (Math.max(1, used.length - 1) * (seeds - 1)) / (seeds * n * n)
  const variance = Math.max(ofClusters, ofTrainings, ofClusters + ofTrainings - both)
  const parts = ofClusters ** 2 / clusterFreedom + ofTrainings ** 2 / (seeds - 1)
  const freedom = parts > 0 ? Math.max(1, (ofClusters + ofTrainings) ** 2 / parts) : clusterFreedom
  return { value, standardError: Math.sqrt(variance), freedom, n }
}

/** Half the width of the 95 % interval. */
export const crossedHalf = ({ standardError, freedom }: CrossedMean): number =>
  standardError === 0 ? 0 : studentQuantile(0.025, freedom) * standardError

/** Two-sided p of "the mean is 0". */
export function crossedP({ value, standardError, freedom }: CrossedMean): number {
  if (standardError === 0) return value === 0 ? 1 : 0
  return studentTwoSided(value / standardError, freedom)
}
