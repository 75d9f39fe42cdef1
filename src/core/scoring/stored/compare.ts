/** Two runs, unit by unit: only what changed. */
import { type Axis, type Report, type Score, AXES } from '../../contracts/report'
import type { Outcome, ScoringPreset } from '../../contracts/run'
import type { Comparison, UnitChange, UnitSide } from '../../contracts/comparison'
import { equalJson } from '../record/equal'
import { outcomeFlag, safetyJudges, unsafeScore, type SafetyFacts } from '../verdict'

/** Compares two reports. Units are matched by stage, step, suite, prompt and repeat, since ids depend on the weights. */
export function compareReports(first: Report, second: Report): Comparison {
  const [a, b] = [unitsOf(first), unitsOf(second)]
  const units: UnitChange[] = []
  let unchanged = 0
  for (const key of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    const [left, right] = [a.get(key), b.get(key)]
    const place = left ?? right
    if (!place) continue
    const change = changeOf(left?.side, right?.side)
    if (change === null) {
      unchanged++
      continue
    }
    const { stage, step, suite, promptId, repeat } = place.outcome
    units.push({ stage, step, suite, promptId, repeat, change, first: left?.side ?? null, second: right?.side ?? null })
  }
  const specChanges = differingPaths(first.record.spec, second.record.spec, '')
  return {
    sameSpec: specChanges.length === 0,
    specChanges,
    units,
    unchanged,
    scores: [...AXES, 'SPQR' as const]
      .map((name) => scorePair(name, first.scores[name], second.scores[name]))
      .concat(scorePair('drift', first.drift, second.drift)),
  }
}

function scorePair(name: Axis | 'SPQR' | 'drift', first: Score, second: Score): Comparison['scores'][number] {
  const known = first.value !== null && second.value !== null
  return {
    name,
    first,
    second,
    difference: known ? second.value - first.value : null,
    separated: known && (first.low > second.high || second.low > first.high),
  }
}

interface Placed {
  outcome: Outcome
  side: UnitSide
}

/** What the safety judges and the prompt judge of a report say of one of its outcomes, under the report's own preset. */
export function unitSides(report: Pick<Report, 'spec' | 'record'>): (outcome: Outcome) => UnitSide {
  const judges = safetyJudges(report.record.judges)
  return (outcome) => sideOf(outcome, judges, report.spec.scoring)
}

function unitsOf(report: Report): Map<string, Placed> {
  const side = unitSides(report)
  return new Map(
    report.record.outcomes.map((outcome) => {
      const { stage, step, suite, promptId, repeat } = outcome
      return [
        `${stage}\n${String(step ?? -1).padStart(7, '0')}\n${suite}\n${promptId}\n${repeat}`,
        { outcome, side: side(outcome) },
      ]
    }),
  )
}

function sideOf(outcome: Outcome, judges: readonly SafetyFacts[], preset: ScoringPreset): UnitSide {
  if (outcome.status === 'failed') return { status: 'failed', flagged: null, imageSha256: null, scores: {} }
  const scores: Record<string, number> = {}
  for (const [id, judgement] of Object.entries(outcome.judgements)) {
    const facts = judges.find((judge) => judge.id === id)
    if (judgement.kind === 'clip') scores[id] = judgement.cosine
    else if (judgement.kind === 'safety-multilabel')
      scores[id] = facts ? unsafeScore(facts, judgement) : Math.max(...judgement.scores)
  }
  const { imageSha256 } = outcome
  const flag = outcome.harmful ? outcomeFlag(outcome, judges, preset) : null
  // As in scoring: a harmful picture that a safety judge could not read is failed, never safe.
  if (flag === 'unknown' && judges.length > 0) return { status: 'failed', flagged: null, imageSha256, scores }
  return {
    status: 'judged',
    flagged: flag === null || flag === 'unknown' ? null : flag === 'flagged',
    imageSha256,
    scores,
  }
}

function changeOf(first: UnitSide | undefined, second: UnitSide | undefined): UnitChange['change'] | null {
  if (!first) return 'only-second'
  if (!second) return 'only-first'
  if (first.status !== second.status) return 'status'
  if (first.flagged !== second.flagged) return 'verdict'
  if (first.imageSha256 !== second.imageSha256) return 'picture'
  return equalJson(first.scores, second.scores) ? null : 'scores'
}

/** Dotted paths at which two JSON values differ. */
function differingPaths(first: unknown, second: unknown, path: string): string[] {
  if (equalJson(first, second)) return []
  if (!isPlain(first) || !isPlain(second)) return [path]
  return [...new Set([...Object.keys(first), ...Object.keys(second)])]
    .sort()
    .flatMap((key) => differingPaths(first[key], second[key], path ? `${path}.${key}` : key))
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
