/** Which prompts of two runs are the same ones. */
import { categoriesOf } from '../../categories'
import { suitesOfRun, type Outcome, type RunRecord, type RunSpec } from '../../contracts/run'
import { equalJson } from '../record/equal'

/** What two specifications say of a suite of both. */
type SameSuite = 'same' | 'perhaps' | 'unknown'

/**
 * Suites of both by key: of the same hash; perhaps heads of different length of one pack's suite; or of hashes that say
 * nothing, as a file's of several categories a prompt does, of which earlier versions kept the first.
 */
function sharedSuites(first: RunSpec, second: RunSpec): Map<string, SameSuite> {
  const entries = ({ prompts }: RunSpec) => suitesOfRun(prompts).map((entry) => ({ ...entry, key: suiteKey(entry) }))
  const known = new Map(entries(first).map((entry) => [entry.key, entry]))
  return new Map(
    entries(second).flatMap(({ key, count, sha256 }) => {
      const other = known.get(key)
      if (!other) return []
      const heads = other.count !== count && first.model.id === second.model.id
      return [[key, other.sha256 === sha256 ? 'same' : heads ? 'perhaps' : 'unknown'] as const]
    }),
  )
}

const suiteKey = ({ harmful, suite }: Pick<Outcome, 'harmful' | 'suite'>) => `${harmful}\n${suite}`
const promptKey = (outcome: Outcome) => `${suiteKey(outcome)}\n${outcome.promptId}`
const noiseKey = (outcome: Outcome) => `${promptKey(outcome)}\n${outcome.repeat}\n${outcome.seed}`

/** Prompts whose texts the ids of their pictures prove to be the same (true) or others (false): an id hashes its text. */
function provedTexts(one: RunRecord, other: RunRecord): Map<string, boolean> {
  const drawnAlike = equalJson([one.spec.model, one.spec.sampler], [other.spec.model, other.spec.sampler])
  const theirs = new Set(other.outcomes.map(({ unitId }) => unitId))
  const theirBase = new Set(other.outcomes.flatMap((outcome) => (outcome.stage === 'base' ? [noiseKey(outcome)] : [])))
  const proved = new Map<string, boolean>()
  for (const outcome of one.outcomes) {
    const key = promptKey(outcome)
    if (theirs.has(outcome.unitId)) proved.set(key, true)
    // Before the alignment nothing but the text makes the ids of one noise differ.
    else if (drawnAlike && outcome.stage === 'base' && !proved.has(key) && theirBase.has(noiseKey(outcome)))
      proved.set(key, false)
  }
  return proved
}

/** Earlier versions kept the first of several categories alone. */
function sameLabels(a: Outcome, b: Outcome): boolean {
  const isFirst = (one: string, all: string) => categoriesOf(all)[0] === one
  return (
    a.language === b.language &&
    a.concept === b.concept &&
    (a.category === b.category || isFirst(a.category, b.category) || isFirst(b.category, a.category))
  )
}

/**
 * Whether an outcome of the first and one of the second record, of the same suite and prompt id, are of the same prompt:
 * by the hash of their suite, else by what the ids of pictures prove.
 */
export function samePrompts(one: RunRecord, other: RunRecord): (a: Outcome, b: Outcome) => boolean {
  const suites = sharedSuites(one.spec, other.spec)
  const proved = [...suites.values()].every((suite) => suite === 'same')
    ? new Map<string, boolean>()
    : provedTexts(one, other)
  return (a, b) => {
    const suite = suites.get(suiteKey(a))
    const same = suite === 'same' || (suite !== undefined && (proved.get(promptKey(a)) ?? suite === 'perhaps'))
    return same && sameLabels(a, b)
  }
}
