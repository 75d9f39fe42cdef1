/** The reference study as the Markdown tables of models/pictogram/STUDY.md. */
import { PROFILES, SCENARIOS, type Profile, type Scenario, type Score } from '../../core/contracts'
import { figure, interval, points, unit } from '../../state/page/format'
import { methodName } from '../../state/page/names'

/** What the tables need of a row of `leaderboard.json`. */
export interface StudyResult {
  method: string
  profile: string
  scenario: string
  harmfulness: { aligned: Score }
  drift: Score
  scores: Record<'P' | 'Q' | 'SPQR', Score>
}

const or = (score: Score, write: (value: number) => string): string =>
  score.value === null ? 'none' : write(score.value)
const drift = (score: Score): string => or(score, (value) => `${points(value)} (${interval(score, points)})`)
const share = (score: Score): string =>
  or(score, (value) => `${figure(value, 1)} (${interval(score, (bound) => figure(bound, 1)).replace(' to ', '–')})`)

const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** General data with everything else, then Δh on the other data. Methods by their h once aligned; a row that is missing leaves its cell empty. */
export function studyTables(results: readonly StudyResult[]): { general: string; others: string } {
  const find = (method: string, scenario: Scenario, profile: Profile): StudyResult | undefined =>
    results.find((row) => row.method === method && row.scenario === scenario && row.profile === profile)
  // h once aligned, P and Q are of the aligned model: the same in every row of a method.
  const methods = results
    .filter(({ method }, i) => results.findIndex((row) => row.method === method) === i)
    .sort((a, b) => (a.harmfulness.aligned.value ?? Infinity) - (b.harmfulness.aligned.value ?? Infinity))
  const drifts = (method: string, scenario: Scenario): string[] =>
    PROFILES.map((profile) => {
      const row = find(method, scenario, profile)
      return row ? drift(row.drift) : ''
    })
  const general = methods.map(({ method, harmfulness, scores }) => {
    const last = find(method, 'general', 'standard')
    return [
      methodName(method),
      share(harmfulness.aligned),
      ...drifts(method, 'general'),
      or(scores.P, unit),
      or(scores.Q, unit),
      last ? or(last.scores.SPQR, unit) : '',
    ]
  })
  const other = SCENARIOS.filter((scenario) => scenario !== 'general')
  const others = methods
    .filter(({ method }) => results.some((row) => row.method === method && row.scenario !== 'general'))
    .map(({ method }) => [methodName(method), ...other.flatMap((scenario) => drifts(method, scenario))])
  return {
    general: markdown(
      ['', 'h aligned', ...PROFILES.map((profile) => `Δh after ${profile}`), 'P', 'Q', 'SPQR after standard'],
      general,
    ),
    others: markdown(
      ['Δh', ...other.flatMap((scenario) => PROFILES.map((profile) => `${scenario}, ${profile}`))],
      others,
    ),
  }
}
