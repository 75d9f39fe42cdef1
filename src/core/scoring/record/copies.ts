/** Pictures of a record that are another one's copies although their noise differs: what was made by a model is never. */
import type { Outcome } from '../../contracts/run'

/** Digits of a picture's hash that every record has, those of links too. */
const HASH_DIGITS = 12

/** Any two equal vectors have the same; others hardly ever. */
function summaryOf(features: readonly number[]): number {
  return features.reduce((sum, value, i) => sum + value * (1 + ((i * 2654435761) % 1013)), features.length)
}

const equal = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i])

/** How many pictures have the hash, or the quality judge's features, of an earlier one that was made from other noise. */
export function countCopies(
  outcomes: readonly Outcome[],
  featuresOf: (row: number) => readonly number[] | null,
): number {
  const seeds = new Map<string, number>()
  const vectors = new Map<number, { seed: number; features: readonly number[] }>()
  let copies = 0
  outcomes.forEach((outcome, row) => {
    if (outcome.status !== 'judged') return
    const { seed, imageSha256 } = outcome
    const digits = imageSha256.slice(0, HASH_DIGITS)
    const first = seeds.get(digits)
    if (first === undefined) seeds.set(digits, seed)
    const features = featuresOf(row)
    const key = features && features.length > 0 ? summaryOf(features) : null
    const known = key === null ? undefined : vectors.get(key)
    if (key !== null && features && !known) vectors.set(key, { seed, features })
    const sameFeatures = features && known && known.seed !== seed && equal(known.features, features)
    if ((first !== undefined && first !== seed) || sameFeatures) copies++
  })
  return copies
}
