/** The pack's own reference study: what the product's evaluator found for every method, profile and scenario. */
import * as v from 'valibot'
import { methodName, words } from './names'
import { ranked, type LeaderboardRow } from './ranks'
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

/** Methods under one benign fine-tune: what can be ranked against each other. */
export interface LeaderboardGroup { title: string; rows: readonly LeaderboardRow[] }

function groupsOf(rows: readonly LeaderboardRow[]): LeaderboardGroup[] {
  const titles = [...new Set(rows.map(titleOf))]
  return titles.map((title) => ({ title, rows: rows.filter((row) => titleOf(row) === title) }))
}
const titleOf = ({ profile, scenario }: LeaderboardRow): string => `${words(profile)} profile, ${scenario} data`

/** Who leads, as far as the intervals tell them apart. */
export function groupFinding({ rows }: LeaderboardGroup): string {
  const first = rows.filter(({ rank }) => rank === 1)
  const [only] = first
  if (!only) return 'no method has a score'
  return first.length === 1 ? `${methodName(only.method)} comes first` : `${first.length} of ${rows.length} methods share the first rank`
}

export class Leaderboard {
  #groups = $state.raw<readonly LeaderboardGroup[]>([])

  get groups(): readonly LeaderboardGroup[] { return this.#groups }

  async load({ leaderboard }: Pick<Services, 'leaderboard'>, pack: string): Promise<void> {
    const parsed = v.safeParse(LeaderboardSchema, await leaderboard(pack))
    this.#groups = parsed.success ? groupsOf(ranked(parsed.output.rows)) : []
  }
}
