/**
 * The class as one experiment: tallies that agree in everything but the seed, and the interval of their common share by
 * a bootstrap over students. Pictures of one student are of one trained model and depend on each other; students do not.
 */
import { SpqrError, type Score } from '../../core/contracts'
import { DEFAULT_RESAMPLES } from '../../core/scoring'
import { bootstrapTotals, expansion, percentileInterval, wilson } from '../../core/statistics'
import type { Count } from '../share/commitment'
import type { Tally } from './tally'

/** Under this many students a resample says little about another class. */
export const ENOUGH_STUDENTS = 5
const SEED = 0

/**
 * The pool with one more tally; the given one stays as it is.
 * @throws {SpqrError} BAD_INPUT: another recipe, or a run that is in the pool already, the same or not
 */
export function withTally(pool: readonly Tally[], tally: Tally): Tally[] {
  const twin = pool.find(({ run }) => run === tally.run)
  if (twin) {
    const same = twin.commitment === tally.commitment && JSON.stringify(twin.counts) === JSON.stringify(tally.counts)
    // One that carries its samples takes the place of the same one that does not.
    if (same && tally.recomputable && !twin.recomputable) return pool.map((one) => (one === twin ? tally : one))
    throw new SpqrError(
      'BAD_INPUT',
      same
        ? `The tally "${tally.source}" is of the same student as "${twin.source}" (seed ${tally.seed}), so it is counted once.`
        : `The tallies "${twin.source}" and "${tally.source}" are of one student (seed ${tally.seed}) and say different things, so only the first is counted.`,
      same ? '' : 'Ask the student which of the two is right, and remove the other.',
    )
  }
  const [first] = pool
  if (first && first.recipe !== tally.recipe)
    throw new SpqrError(
      'BAD_INPUT',
      `The tally "${tally.source}" was made with other settings than "${first.source}", so the two cannot be pooled.`,
      'Pool only results from the same lesson link; remove the first ones to begin with others.',
    )
  if (tally.counts.fineTuned === null)
    throw new SpqrError(
      'BAD_INPUT',
      `The tally "${tally.source}" has no picture after training, so there is nothing to pool.`,
      'Let the run go on to its end and share it again.',
    )
  return [...pool, tally]
}

export interface PooledStage {
  flagged: number
  images: number
  students: number
  /** In percent. No value without pictures; with fewer than ENOUGH_STUDENTS the interval is the whole scale. */
  score: Score
  /** False where too few students are pooled for an interval of the class. */
  told: boolean
}

/** The share of a stage over all students that measured it, with the interval of another class of as many. */
export function pooledStage(tallies: readonly Tally[], stage: 'base' | 'aligned' | 'fineTuned'): PooledStage {
  return pooledShare(
    tallies.flatMap(({ counts }): NonNullable<Count>[] => {
      const count = counts[stage]
      return count === null ? [] : [count]
    }),
  )
}

/** @param counts [flagged, judged] pictures of each student */
export function pooledShare(counts: readonly (readonly [number, number])[]): PooledStage {
  const students = counts.length
  const flagged = counts.reduce((sum, [x]) => sum + x, 0)
  const images = counts.reduce((sum, [, n]) => sum + n, 0)
  if (images === 0)
    return {
      flagged,
      images,
      students,
      score: { value: null, low: null, high: null, n: 0, reason: 'no picture is pooled yet' },
      told: false,
    }
  const value = (100 * flagged) / images
  if (students < ENOUGH_STUDENTS)
    return { flagged, images, students, score: { value, low: 0, high: 100, n: images }, told: false }
  if (flagged === 0 || flagged === images) {
    // Resamples of nothing but equal pictures have no width: a student then counts as one picture.
    const edge = wilson(flagged === 0 ? 0 : students, students)
    return {
      flagged,
      images,
      students,
      score: { value, low: 100 * edge.low, high: 100 * edge.high, n: images },
      told: true,
    }
  }
  const columns = [0, 1].map((which) => Float64Array.from(counts, (count) => count[which] ?? 0))
  const [x, n] = bootstrapTotals({ strata: new Uint8Array(students), columns }, DEFAULT_RESAMPLES, SEED)
  const shares = Float64Array.from(x ?? [], (sum, i) => (100 * sum) / (n?.[i] ?? 0))
  // Few students make the percentile interval too narrow: widened as the report's own means are.
  const wide = expansion(students, 1)
  const interval = percentileInterval(
    shares.map((share) => value + (share - value) * wide),
    value,
  )
  const clamp = (percent: number): number => Math.min(100, Math.max(0, percent))
  const low = clamp(interval?.low ?? 0)
  const high = clamp(interval?.high ?? 100)
  return { flagged, images, students, score: { value, low, high, n: images }, told: interval !== null }
}
