/** Two runs: the difference of every score, and unit by unit only what changed. */
import { AXES, type Report, type Score } from '../../contracts/report'
import type { Outcome, ScoringPreset } from '../../contracts/run'
import { isObject } from '../../contracts/outside'
import type { ComparedName, Comparison, ScoreDifference, UnitChange, UnitSide } from '../../contracts/comparison'
import { independentDifference, seedFrom } from '../../statistics'
import { equalJson } from '../record/equal'
import { DEFAULT_RESAMPLES } from '../presets'
import { estimate, isEstimate, missing } from '../record/score'
import { outcomeFlag, safetyJudges, unsafeScore, type SafetyFacts } from '../verdict'
import { equalAdaptation } from './equalAdaptation'
import { pairedDifferences } from './paired'
import type { Features } from './pairedBenign'
import { cautionsOf, rulersOf } from './rulers'
import { finalStepOf } from '../record/table'
import { sharedTables, type SharedTables } from './shared'

const WEIGHT: readonly UnitChange['change'][] = ['verdict', 'status', 'only-first', 'only-second', 'picture', 'scores']
const NAMES: readonly ComparedName[] = [...AXES, 'SPQR', 'drift', 'fineTuned']

/**
 * Compares two reports. Scores are compared on the pictures that both have for the same prompt and noise, as independent
 * samples where there are none. Units are matched by stage, step, suite, prompt and repeat, since ids depend on the
 * weights; the end of one fine-tuning is matched with the end of the other, whatever their steps. `references`: features of
 * the quality judges' real pictures, for Q and SPQR.
 */
export function compareReports(
  first: Report,
  second: Report,
  references: readonly [Features, Features] = [null, null],
  resamples = DEFAULT_RESAMPLES,
): Comparison {
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
    const { stage, suite, promptId, repeat } = place.outcome
    const step = !left || !right || left.outcome.step === right.outcome.step ? place.outcome.step : null
    units.push({ stage, step, suite, promptId, repeat, change, first: left?.side ?? null, second: right?.side ?? null })
  }
  // Flips of verdicts first; within a kind in order of place.
  units.sort((one, other) => WEIGHT.indexOf(one.change) - WEIGHT.indexOf(other.change))
  const tables = sharedTables(first, second)
  const specChanges = differingPaths(first.record.spec, second.record.spec, '')
  return {
    sameSpec: specChanges.length === 0,
    specChanges,
    units,
    unchanged,
    scores: differences(first, second, tables, references, resamples),
    adaptation: equalAdaptation(first, second, rulersOf(first, second)('S'), resamples),
    shared: {
      pairs: tables?.pairs ?? 0,
      first: first.record.outcomes.length,
      second: second.record.outcomes.length,
    },
    cautions: cautionsOf(first, second),
  }
}

/** Level at which two runs are told apart. */
const ALPHA = 0.05

/**
 * Whether the runs are told apart: by the test where there is one (`p`: adjusted for several pairs of runs), else by the
 * interval of the difference. Null where no difference could speak of the models.
 */
export function toldApart({ difference, ruler, p: alone }: ScoreDifference, p: number | null = alone): boolean | null {
  if (ruler !== null || !isEstimate(difference)) return null
  return p === null ? difference.low > 0 || difference.high < 0 : p < ALPHA
}

/** Each run's own score of that name. */
function scoreOf({ scores, drift, harmfulness }: Report, name: ComparedName): Score {
  if (name === 'drift') return drift
  return name === 'fineTuned' ? harmfulness.fineTuned : scores[name]
}

function differences(
  first: Report,
  second: Report,
  tables: SharedTables | null,
  references: readonly [Features, Features],
  resamples: number,
): ScoreDifference[] {
  const rulerOf = rulersOf(first, second)
  // The same two runs in the other order give the same resamples.
  const seed = seedFrom(`${[first.id, second.id].sort().join(' ')}:compare`)
  const paired = tables && pairedDifferences([first, second], tables, references, resamples, seed)
  return NAMES.map((name): ScoreDifference => {
    const sides = { name, first: scoreOf(first, name), second: scoreOf(second, name), ruler: rulerOf(name) }
    const found = paired?.[name]
    if (found && isEstimate(found.difference)) return { ...sides, method: 'paired', ...found }
    return { ...sides, ...unpaired(sides.first, sides.second), p: null, flips: null }
  })
}

function unpaired(first: Score, second: Score): Pick<ScoreDifference, 'difference' | 'method'> {
  if (!isEstimate(first) || !isEstimate(second))
    return { difference: missing('One of the runs has no such number.'), method: null }
  const { value, ...interval } = independentDifference(first, second)
  return { difference: estimate(value, interval, first.n + second.n), method: 'unpaired' }
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
  const { outcomes } = report.record
  const last = finalStepOf(report.record, outcomes)
  return new Map(
    outcomes.map((outcome) => {
      const { stage, step, suite, promptId, repeat } = outcome
      // As in the scores: a pack's fine-tune has one end and no steps.
      const slot = step === null || step === last ? 'end' : String(step).padStart(7, '0')
      return [[stage, slot, suite, promptId, repeat].join('\n'), { outcome, side: side(outcome) }]
    }),
  )
}

function sideOf(outcome: Outcome, judges: readonly SafetyFacts[], preset: ScoringPreset): UnitSide {
  const { unitId } = outcome
  if (outcome.status === 'failed') return { unitId, status: 'failed', flagged: null, imageSha256: null, scores: {} }
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
  if (flag === 'unknown' && judges.length > 0) return { unitId, status: 'failed', flagged: null, imageSha256, scores }
  return {
    unitId,
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
  if (!samePicture(first.imageSha256, second.imageSha256)) return 'picture'
  return equalJson(first.scores, second.scores) ? null : 'scores'
}

/** Links carry the starts of hashes only. */
function samePicture(first: string | null, second: string | null): boolean {
  if (first === null || second === null) return first === second
  const digits = Math.min(first.length, second.length)
  return first.slice(0, digits) === second.slice(0, digits)
}

/** Dotted paths at which two JSON values differ. */
function differingPaths(first: unknown, second: unknown, path: string): string[] {
  if (equalJson(first, second)) return []
  if (!isObject(first) || !isObject(second)) return [path]
  return [...new Set([...Object.keys(first), ...Object.keys(second)])]
    .sort()
    .flatMap((key) => differingPaths(first[key], second[key], path ? `${path}.${key}` : key))
}
