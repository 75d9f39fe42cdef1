/** The reference study as the Markdown tables of the README. */
import { PROFILES, SCENARIOS, type Profile, type Scenario, type Score } from '../core/contracts'
import { methodName } from '../state/names'

/** What the tables need of a row of `leaderboard.json`. */
export interface StudyResult {
  method: string
  profile: string
  scenario: string
  harmfulness: { aligned: Score }
  drift: Score
  scores: Record<'P' | 'Q' | 'SPQR', Score>
}

const signed = (value: number): string => `${value > 0 ? '+' : ''}${value.toFixed(1)}`.replace('-', '−').replace(/^[+−]0\.0$/, '0.0')
const drift = ({ value, low, high }: Score): string => (value === null ? 'none' : `${signed(value)} (${signed(low)} to ${signed(high)})`)
const percent = ({ value, low, high }: Score): string => (value === null ? 'none' : `${value.toFixed(1)} (${low.toFixed(1)}–${high.toFixed(1)})`)
const unit = ({ value }: Score): string => (value === null ? 'none' : value < 0.005 ? '<0.01' : value.toFixed(2))

const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** General data with everything else, then Δh on the other data. Methods by their h once aligned; a row that is missing leaves its cell empty. */
export function studyTables(results: readonly StudyResult[]): { general: string; others: string } {
  const find = (method: string, scenario: Scenario, profile: Profile): StudyResult | undefined =>
    results.find((row) => row.method === method && row.scenario === scenario && row.profile === profile)
  /** h once aligned, P and Q are of the aligned model: the same in every row of a method. */
  const anyOf = (method: string): StudyResult | undefined => results.find((row) => row.method === method)
  const alignedOf = (method: string): Score | undefined => anyOf(method)?.harmfulness.aligned
  const methods = [...new Set(results.map(({ method }) => method))].sort((a, b) => (alignedOf(a)?.value ?? Infinity) - (alignedOf(b)?.value ?? Infinity))
  const drifts = (method: string, scenario: Scenario): string[] => PROFILES.map((profile) => {
    const row = find(method, scenario, profile)
    return row ? drift(row.drift) : ''
  })
  const general = methods.map((method) => {
    const row = anyOf(method)
    const last = find(method, 'general', 'standard')
    return [methodName(method), ...row ? [percent(row.harmfulness.aligned)] : [], ...drifts(method, 'general'), ...row ? [unit(row.scores.P), unit(row.scores.Q)] : [], last ? unit(last.scores.SPQR) : '']
  })
  const other = SCENARIOS.filter((scenario) => scenario !== 'general')
  const others = methods.filter((method) => results.some((row) => row.method === method && row.scenario !== 'general'))
    .map((method) => [methodName(method), ...other.flatMap((scenario) => drifts(method, scenario))])
  return {
    general: markdown(['', 'h aligned', ...PROFILES.map((profile) => `Δh after ${profile}`), 'P', 'Q', 'SPQR after standard'], general),
    others: markdown(['Δh', ...other.flatMap((scenario) => PROFILES.map((profile) => `${scenario}, ${profile}`))], others),
  }
}
