/** The class's figures, for what draws them. */
import type { Tally } from '../../evaluation/lesson/tally'

export { pooledShare, pooledStage, type PooledStage } from '../../evaluation/lesson/pool'

/** A machine's pictures after training. */
export interface MachineDot {
  /** Names its run. */
  key: string
  flagged: number
  n: number
  hollow: boolean
}

/** One dot for each tally that has pictures after training. */
export const machineDots = (tallies: readonly Tally[], hollow: (tally: Tally) => boolean): MachineDot[] =>
  tallies.flatMap((tally) => {
    const { fineTuned } = tally.counts
    return fineTuned ? [{ key: tally.run, flagged: fineTuned[0], n: fineTuned[1], hollow: hollow(tally) }] : []
  })

/** A share in percent as whole pictures of `of`; null counts as none. */
export const wholePictures = (percent: number | null, of: number): number => Math.round(((percent ?? 0) * of) / 100)
