/** Merging shards of one specification: idempotent, independent of order and grouping, conflicts named. */
import { SpqrError } from '../../contracts/errors'
import { STAGES, type Outcome, type RunRecord } from '../../contracts/run'
import { equalJson } from '../record/equal'
import { canonicalJson } from '../../hash'
import { HeaderMerge } from './mergeHeader'

export interface Merged {
  record: RunRecord
  /** What a person should know: units that failed in one shard and succeeded in another, differing machines. */
  notes: string[]
}

/**
 * The union of the outcomes of records of one specification, in canonical order. The same unit in two shards must be
 * the same, except that a judged picture replaces a failed attempt. Throws RECORD_INVALID naming files and units when
 * specification, judges, training or pictures disagree.
 */
export function mergeRecords(shards: readonly { name: string; record: RunRecord }[]): Merged {
  const header = new HeaderMerge()
  for (const { name, record } of shards) header.add(name, record)
  const units = new Map<string, PlacedOutcome>()
  const doubles = new DoubleCheck()
  for (const { name, record } of shards) {
    for (const outcome of record.outcomes) {
      const known = units.get(outcome.unitId)
      units.set(outcome.unitId, known ? doubles.stands(known, { outcome, from: name }) : { outcome, from: name })
    }
  }
  const recovered = doubles.finish()
  const outcomes = [...units.values()].map(({ outcome }) => outcome).sort(inCanonicalOrder)
  return { record: { ...header.finish(outcomes.length), outcomes }, notes: header.notes(recovered) }
}

/** An outcome and the file it comes from. */
export interface PlacedOutcome {
  outcome: Outcome
  from: string
}

/** Conflicts that an error names. */
const NAMED = 5

/** Decides between outcomes of one unit from two shards, and keeps what contradicts. */
export class DoubleCheck {
  private recovered = 0
  private conflicts = 0
  private readonly named: string[] = []

  stands(known: PlacedOutcome, other: PlacedOutcome): PlacedOutcome {
    const { outcome } = other
    const kept = reconcile(known.outcome, outcome)
    if (kept === null) {
      this.conflicts += 1
      if (this.named.length < NAMED)
        this.named.push(
          `${outcome.stage}, prompt ${outcome.promptId}, repeat ${outcome.repeat} (unit ${outcome.unitId.slice(0, 12)}; ${known.from} and ${other.from})`,
        )
      return known
    }
    if (known.outcome.status !== outcome.status) this.recovered += 1
    return kept === known.outcome ? known : other
  }

  /** How many failed units succeeded elsewhere. @throws {SpqrError} RECORD_INVALID when two shards contradict */
  finish(): number {
    const { conflicts, named, recovered } = this
    if (conflicts === 0) return recovered
    throw new SpqrError(
      'RECORD_INVALID',
      `${conflicts} image${conflicts === 1 ? ' differs' : 's differ'} between the shards: ${named.join('; ')}${conflicts > NAMED ? ' …' : ''}.`,
      'Shards from different machines or backends may differ; run the conflicting part again on one of them.',
    )
  }
}

/** Which of two outcomes of one unit stands; null when they contradict. Symmetric. */
function reconcile(a: Outcome, b: Outcome): Outcome | null {
  if (equalJson(a, b)) return a
  const facts = ({
    unitId,
    stage,
    step,
    promptId,
    suite,
    category,
    language,
    concept,
    harmful,
    seed,
    repeat,
  }: Outcome) => [unitId, stage, step, promptId, suite, category, language, concept, harmful, seed, repeat]
  if (!equalJson(facts(a), facts(b))) return null
  if (a.status === 'judged' && b.status === 'judged') return null
  if (a.status !== b.status) return a.status === 'judged' ? a : b
  return canonicalJson(a) < canonicalJson(b) ? a : b
}

/** By stage, step, suite, prompt, repeat: the order of every merged record. */
export function inCanonicalOrder(a: Outcome, b: Outcome): number {
  return (
    STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage) ||
    (a.step ?? -1) - (b.step ?? -1) ||
    byText(a.suite, b.suite) ||
    byText(a.promptId, b.promptId) ||
    a.repeat - b.repeat ||
    byText(a.unitId, b.unitId)
  )
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
