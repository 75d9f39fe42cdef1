/** Merging shards of one specification: idempotent, independent of order and grouping, conflicts named. */
import { SpqrError } from '../../contracts/errors'
import { STAGES, type Outcome, type RunRecord, type Timings } from '../../contracts/run'
import { equalJson, sorted } from '../record/equal'

export interface Merged {
  record: RunRecord
  /** What a person should know: units that failed in one shard and succeeded in another, differing machines. */
  notes: string[]
}

const canonical = (value: unknown) => JSON.stringify(sorted(value))

/**
 * The union of the outcomes of records of one specification, in canonical order. The same unit in two shards must be
 * the same, except that a judged picture replaces a failed attempt. Throws RECORD_INVALID naming files and units when
 * specification, judges, training or pictures disagree.
 */
export function mergeRecords(shards: readonly { name: string; record: RunRecord }[]): Merged {
  const [first, ...rest] = shards
  if (!first) throw new SpqrError('BAD_INPUT', 'There is nothing to merge.', 'Name at least one run file.')
  for (const other of rest) checkSameRun(first, other)

  const units = new Map<string, { outcome: Outcome; from: string }>()
  const conflicts: string[] = []
  let recovered = 0
  for (const { name, record } of shards) {
    for (const outcome of record.outcomes) {
      const known = units.get(outcome.unitId)
      if (!known) {
        units.set(outcome.unitId, { outcome, from: name })
        continue
      }
      const kept = reconcile(known.outcome, outcome)
      if (kept === null)
        conflicts.push(
          `${outcome.stage}, prompt ${outcome.promptId}, repeat ${outcome.repeat} (unit ${outcome.unitId.slice(0, 12)}; ${known.from} and ${name})`,
        )
      else {
        if (known.outcome.status !== outcome.status) recovered++
        if (kept !== known.outcome) units.set(outcome.unitId, { outcome: kept, from: name })
      }
    }
  }
  if (conflicts.length > 0) {
    throw new SpqrError(
      'RECORD_INVALID',
      `${conflicts.length} image${conflicts.length === 1 ? ' differs' : 's differ'} between the shards: ${conflicts.slice(0, 5).join('; ')}${conflicts.length > 5 ? ' …' : ''}.`,
      'Shards from different machines or backends may differ; run the conflicting part again on one of them.',
    )
  }
  const outcomes = [...units.values()].map(({ outcome }) => outcome).sort(inCanonicalOrder)
  const records = shards.map(({ record }) => record)
  const environments = [...new Set(records.map(({ environment }) => canonical(environment)))].sort()
  const notes: string[] = []
  if (recovered > 0)
    notes.push(
      `${recovered} image${recovered === 1 ? '' : 's'} that failed in one shard succeeded in another; the picture counts.`,
    )
  if (environments.length > 1)
    notes.push(`The shards were made on ${environments.length} different environments; the record keeps one of them.`)
  return {
    record: {
      ...first.record,
      createdAt: records.map(({ createdAt }) => createdAt).sort()[0] ?? first.record.createdAt,
      environment:
        records.find(({ environment }) => canonical(environment) === environments[0])?.environment ??
        first.record.environment,
      timings: mergedTimings(
        records.map(({ timings }) => timings),
        outcomes.length,
      ),
      planned: Math.max(...records.map(({ planned }) => planned)),
      outcomes,
      training: mergedTraining(shards),
    },
    notes,
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
  return canonical(a) < canonical(b) ? a : b
}

function checkSameRun(first: { name: string; record: RunRecord }, other: { name: string; record: RunRecord }): void {
  const pair = `${first.name} and ${other.name}`
  const changed = Object.keys({ ...first.record.spec, ...other.record.spec }).filter(
    (key) => !equalJson(field(first.record.spec, key), field(other.record.spec, key)),
  )
  if (changed.length > 0 || first.record.id !== other.record.id) {
    throw new SpqrError(
      'RECORD_INVALID',
      `${pair} are not shards of one specification; they differ in: ${changed.join(', ') || 'id'}.`,
      'Use "compare" to see two different runs side by side.',
    )
  }
  if ((first.record.scoringRule ?? 1) !== (other.record.scoringRule ?? 1)) {
    throw new SpqrError(
      'RECORD_INVALID',
      `${pair} compute their intervals by different rules (versions of this program).`,
      'Run both shards with the same version.',
    )
  }
  if (!equalJson(first.record.judges, other.record.judges)) {
    throw new SpqrError(
      'RECORD_INVALID',
      `${pair} were judged by different judges or judge versions.`,
      'Judge both shards with the same pack version.',
    )
  }
}

const field = (value: object, key: string): unknown => Object.entries(value).find(([name]) => name === key)?.[1]

/** Shards run side by side, so seconds are those of the longest; images and evaluations count the union. */
function mergedTimings(timings: readonly Timings[], outcomes: number): Timings {
  const longest = (pick: (timing: Timings) => number) => Math.max(...timings.map(pick))
  const images = Math.max(
    longest(({ images: n }) => n),
    outcomes,
  )
  const perImage = longest(({ unetEvaluations, images: n }) => (n > 0 ? unetEvaluations / n : 0))
  return {
    totalSeconds: longest(({ totalSeconds }) => totalSeconds),
    loadSeconds: longest(({ loadSeconds }) => loadSeconds),
    generateSeconds: longest(({ generateSeconds }) => generateSeconds),
    judgeSeconds: longest(({ judgeSeconds }) => judgeSeconds),
    images,
    unetEvaluations: Math.round(perImage * images),
  }
}

/** The longest training trace; every other must be its beginning. */
function mergedTraining(shards: readonly { name: string; record: RunRecord }[]): RunRecord['training'] {
  const traces = shards
    .flatMap(({ name, record }) => (record.training ? [{ name, trace: record.training }] : []))
    .sort((a, b) => b.trace.losses.length - a.trace.losses.length || (canonical(a.trace) < canonical(b.trace) ? 1 : -1))
  const longest = traces[0]
  for (const { name, trace } of traces) {
    if (longest && trace.losses.some((loss, step) => loss !== longest.trace.losses[step])) {
      throw new SpqrError(
        'RECORD_INVALID',
        `${longest.name} and ${name} hold different fine-tunings of the same specification.`,
        'Training must run with the same thread count and backend to repeat exactly.',
      )
    }
  }
  return longest?.trace ?? null
}

function inCanonicalOrder(a: Outcome, b: Outcome): number {
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
