/** What two runs have in common: the same prompts with the same starting noise, as two tables of equal cells. */
import type { Report } from '../../contracts/report'
import { suitesOfRun, type Outcome, type RunRecord, type RunSpec } from '../../contracts/run'
import { NO_SLICE, sliceRecord } from '../slice'
import { equalJson } from '../record/equal'
import { finalStepOf, tableOf, type UnitTable } from '../record/table'

export interface SharedTables {
  first: UnitTable
  second: UnitTable
  /** Pictures that both planned. */
  pairs: number
}

/** Names of the suites whose prompts are the same ones: the same hash, or heads of different length of one pack's suite. */
function sharedSuites(first: RunSpec, second: RunSpec): Set<string> {
  const entries = ({ prompts }: RunSpec) =>
    suitesOfRun(prompts).map((entry) => ({ ...entry, key: `${entry.harmful}\n${entry.suite}` }))
  const known = new Map(entries(first).map((entry) => [entry.key, entry]))
  return new Set(
    entries(second).flatMap(({ key, count, sha256 }) => {
      const other = known.get(key)
      if (!other) return []
      const same = other.count === count ? other.sha256 === sha256 : first.model.id === second.model.id
      return same ? [key] : []
    }),
  )
}

/** Outcomes of the three stages by prompt, repeat and seed; checkpoints before the last are left out. */
function placed(record: RunRecord, suites: ReadonlySet<string>): Map<string, Outcome> {
  const last = finalStepOf(record, record.outcomes)
  return new Map(
    record.outcomes.flatMap((outcome) => {
      const { stage, step, harmful, suite, promptId, repeat, seed } = outcome
      if (stage === 'fine-tuned' && step !== last) return []
      if (!suites.has(`${harmful}\n${suite}`)) return []
      return [[JSON.stringify([stage, harmful, suite, promptId, repeat, seed]), outcome] as const]
    }),
  )
}

const facts = ({ category, language, concept }: Outcome) => [category, language, concept]

/**
 * Tables of the pictures that both reports have for the same prompt and noise; equal cells hold a pair. Null without any.
 * @throws {SpqrError} RECORD_INVALID for a record that contradicts itself
 */
export function sharedTables(first: Report, second: Report): SharedTables | null {
  const [one, other] = [first, second].map(({ record, slice }) => sliceRecord(record, slice ?? NO_SLICE))
  if (!one || !other || one.spec.sampler.noise !== other.spec.sampler.noise) return null
  const suites = sharedSuites(one.spec, other.spec)
  const [left, right] = [placed(one, suites), placed(other, suites)]
  const [ours, theirs]: [Outcome[], Outcome[]] = [[], []]
  for (const [key, outcome] of left) {
    const match = right.get(key)
    if (!match || !equalJson(facts(outcome), facts(match))) continue
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
