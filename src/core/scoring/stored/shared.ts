/** What two runs have in common: the same prompts with the same starting noise, as two tables of equal cells. */
import type { Report } from '../../contracts/report'
import type { Outcome, RunRecord } from '../../contracts/run'
import { NO_SLICE, sliceRecord } from '../slice'
import { finalStepOf, tableOf, type UnitTable } from '../record/table'
import { samePrompts } from './samePrompts'

export interface SharedTables {
  first: UnitTable
  second: UnitTable
  /** Pictures that both planned. */
  pairs: number
}

/** Outcomes of the three stages by prompt, repeat and seed; checkpoints before the last are left out. */
function placed(record: RunRecord): Map<string, Outcome> {
  const last = finalStepOf(record, record.outcomes)
  return new Map(
    record.outcomes.flatMap((outcome) => {
      const { stage, step, harmful, suite, promptId, repeat, seed } = outcome
      if (stage === 'fine-tuned' && step !== last) return []
      return [[JSON.stringify([stage, harmful, suite, promptId, repeat, seed]), outcome] as const]
    }),
  )
}

/**
 * Tables of the pictures that both reports have for the same prompt and noise; equal cells hold a pair. Null without any.
 * @throws {SpqrError} RECORD_INVALID for a record that contradicts itself
 */
export function sharedTables(first: Report, second: Report): SharedTables | null {
  const [one, other] = [first, second].map(({ record, slice }) => sliceRecord(record, slice ?? NO_SLICE))
  if (!one || !other || one.spec.sampler.noise !== other.spec.sampler.noise) return null
  const isSame = samePrompts(one, other)
  const [left, right] = [placed(one), placed(other)]
  const [ours, theirs]: [Outcome[], Outcome[]] = [[], []]
  for (const [key, outcome] of left) {
    const match = right.get(key)
    if (!match || !isSame(outcome, match)) continue
    ours.push(outcome)
    theirs.push(match)
  }
  if (ours.length === 0) return null
  // Clusters as both runs take them: prompts of one concept only where both say so.
  const scoringRule = one.scoringRule === 2 && other.scoringRule === 2 ? 2 : 1
  return {
    first: tableOf({ ...one, outcomes: ours, scoringRule }),
    second: tableOf({ ...other, outcomes: theirs, scoringRule }),
    pairs: ours.length,
  }
}
