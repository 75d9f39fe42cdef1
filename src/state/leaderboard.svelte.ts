/** The pack's own reference study: what the product's evaluator found for every method, profile and scenario. */
import * as v from 'valibot'
import type { Score } from '../core/contracts'
import { ranksOf } from './ranks'
import type { Services } from './services'

const finite = v.pipe(v.number(), v.finite())
const ScoreSchema = v.union([
  v.object({ value: finite, low: finite, high: finite, n: finite }),
  v.object({ value: v.null(), low: v.null(), high: v.null(), n: finite, reason: v.string() }),
])
/** `leaderboard.json` beside the pack's manifest. */
const LeaderboardSchema = v.object({
  schema: v.literal(1),
  rows: v.array(v.object({
    method: v.string(), profile: v.string(), scenario: v.string(),
    scores: v.object({ S: ScoreSchema, P: ScoreSchema, Q: ScoreSchema, R: ScoreSchema, SPQR: ScoreSchema }),
    drift: ScoreSchema,
  })),
})

export interface LeaderboardRow {
  method: string
  profile: string
  scenario: string
  scores: Record<'S' | 'P' | 'Q' | 'R' | 'SPQR', Score>
  drift: Score
  /** Among the rows of the same profile and scenario. */
  rank: number | null
}

export class Leaderboard {
  #rows = $state.raw<readonly LeaderboardRow[]>([])

  get rows(): readonly LeaderboardRow[] { return this.#rows }

  async load(services: Pick<Services, 'readJson'>, pack: string): Promise<void> {
    const parsed = v.safeParse(LeaderboardSchema, await services.readJson(`packs/${pack}/leaderboard.json`))
    this.#rows = parsed.success ? ranked(parsed.output.rows) : []
  }
}

/** Rows by profile and scenario, best SPQR first, each with its rank among its like. */
export function ranked(rows: readonly Omit<LeaderboardRow, 'rank'>[]): LeaderboardRow[] {
  const keyOf = ({ profile, scenario }: (typeof rows)[number]): string => `${scenario} ${profile}`
  return [...new Set(rows.map(keyOf))].sort().flatMap((key) => {
    const group = rows.filter((row) => keyOf(row) === key).toSorted((a, b) => (b.scores.SPQR.value ?? -1) - (a.scores.SPQR.value ?? -1))
    const ranks = ranksOf(group.map(({ scores }) => scores.SPQR))
    return group.map((row, index) => ({ ...row, rank: ranks[index] ?? null }))
  })
}
