/** The reference study as the Markdown of models/pictogram/STUDY.md: for each design two tables and what its tests show. */
import { PROFILES, SCENARIOS, type Scenario } from '../../core/contracts'
import {
  designKey,
  designKeys,
  designOf,
  isWholeRow,
  type Design,
  type StudyProfile,
} from '../../evaluation/study/board'
import { shownBy, type Shown } from '../../evaluation/study/findings'
import { figure, interval, points, unit } from '../../state/page/format'
import { methodName } from '../../state/page/names'
import { isOfMitigations, mitigationTables } from './mitigationTable'
import { capability, markdown, or, share, spqr, type StudyResult } from './text'

type Tested = StudyResult & { shown: Shown }

/** Bold: shown by the adjusted test. Otherwise what the data leave possible: no rise above x. */
function drift({ drift: score, shown: { change, atMost } }: Tested): string {
  if (score.value === null) return 'none'
  const value = points(score.value)
  return change === null && atMost !== null
    ? `${value} (${interval(score, points)}; ≤ ${figure(atMost, 1)})`
    : `**${value}** (${interval(score, points)})`
}

export interface DesignTables {
  design: Design
  title: string
  /** What all tests of the design together show, in one line. */
  tests: string
  general: string
  others: string
}

/** Tables of every design among the plain rows, single trainings first; rows whose trainings are not all done are left out. */
export function studyTables(results: readonly StudyResult[]): DesignTables[] {
  const whole = results.filter((row) => isWholeRow(row) && !isOfMitigations(row))
  return designKeys(whole).flatMap((key) => {
    const rows = whole.filter((row) => designKey(designOf(row)) === key)
    const [first] = rows
    return first ? [tablesOf(designOf(first), rows)] : []
  })
}

function tablesOf(design: Design, rows: readonly StudyResult[]): DesignTables {
  const shown = shownBy(rows)
  const none: Shown = { p: null, adjusted: null, change: null, atMost: null, seen: null }
  const tested = rows.map((row, i): Tested => ({ ...row, shown: shown[i] ?? none }))
  const trainings = design.trainings === 1 ? 'one training' : `${design.trainings} trainings`
  return {
    design,
    title: `${design.sampler} sampler, ${design.accelerated ? 'the accelerator added' : trainings}`,
    tests: testsLine(shown),
    ...twoTables(tested, design.accelerated ? ['accelerate'] : PROFILES),
  }
}

function testsLine(shown: readonly Shown[]): string {
  const p = shown.flatMap((one) => (one.p === null ? [] : [one.p]))
  const [rises, falls] = ['rise', 'fall'].map((change) => shown.filter((one) => one.change === change).length)
  const seen = shown.flatMap(({ seen: one }) => (one === null ? [] : [one])).sort((a, b) => a - b)
  const at = (q: number) => figure(seen[Math.round(q * (seen.length - 1))] ?? 0, 1)
  return `${shown.length} rows; ${p.filter((one) => one < 0.05).length} with p < 0.05, after Holm's adjustment ${(rises ?? 0) + (falls ?? 0)}: ${rises} rises and ${falls} falls. The smallest rise that one row shows in four of five studies is ${at(0.5)} points in the middle row (${at(0)} to ${at(1)}).`
}

/** One row of each method, by h once aligned, which like P and Q is the same in all of them. */
const oneOfEach = (results: readonly Tested[]): Tested[] =>
  results
    .filter(({ method }, i) => results.findIndex((row) => row.method === method) === i)
    .sort((a, b) => (a.harmfulness.aligned.value ?? Infinity) - (b.harmfulness.aligned.value ?? Infinity))

/** General data with everything else, then Δh on the other data. Methods by their h once aligned; a row that is missing leaves its cell empty. */
function twoTables(results: readonly Tested[], profiles: readonly StudyProfile[]): { general: string; others: string } {
  const most = profiles.at(-1) ?? 'standard'
  const find = (method: string, scenario: Scenario, profile: StudyProfile): Tested | undefined =>
    results.find((row) => row.method === method && row.scenario === scenario && row.profile === profile)
  const methods = oneOfEach(results)
  const drifts = (method: string, scenario: Scenario): string[] =>
    profiles.map((profile) => {
      const row = find(method, scenario, profile)
      return row ? drift(row) : ''
    })
  const legible = results.some(({ illegible }) => illegible !== undefined)
  const general = methods.map(({ method, harmfulness, scores, illegible }) => {
    const last = find(method, 'general', most)
    const after = profiles.map((profile) => find(method, 'general', profile)).findLast((row) => row)?.illegible
    return [
      methodName(method),
      share(harmfulness.aligned),
      ...(legible
        ? [illegible ? `${figure(illegible.aligned, 1)} → ${after ? figure(after.fineTuned, 1) : 'none'}` : 'none']
        : []),
      ...drifts(method, 'general'),
      or(scores.P, unit),
      or(scores.Q, unit),
      ...(last ? capability(last) : ['', '']),
      last ? spqr(last.scores.SPQR) : '',
    ]
  })
  const other = SCENARIOS.filter((scenario) => scenario !== 'general')
  const others = methods
    .filter(({ method }) => results.some((row) => row.method === method && row.scenario !== 'general'))
    .map(({ method }) => [methodName(method), ...other.flatMap((scenario) => drifts(method, scenario))])
  return {
    general: markdown(
      [
        '',
        'h aligned',
        ...(legible ? ['illegible, aligned → after'] : []),
        ...profiles.map((profile) => `Δh after ${profile}`),
        'P',
        'Q',
        `P before → after ${most}`,
        `Q before → after ${most}`,
        `SPQR after ${most}`,
      ],
      general,
    ),
    others:
      others.length === 0
        ? ''
        : markdown(
            ['Δh', ...other.flatMap((scenario) => profiles.map((profile) => `${scenario}, ${profile}`))],
            others,
          ),
  }
}

/** All of it, as the command prints it. */
export const studyText = (results: readonly StudyResult[]): string =>
  [
    ...studyTables(results).map(({ title, tests, general, others }) => [title, tests, general, others]),
    ...mitigationTables(results).map(({ title, table }) => [title, table]),
  ]
    .map(([title, ...texts]) => [`## ${title}`, ...texts].filter(Boolean).join('\n\n'))
    .join('\n\n')
