/** The pack's own reference study: what the product's evaluator found for every method, profile and scenario. */
import * as v from 'valibot'
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

export class Leaderboard {
  #rows = $state.raw<readonly LeaderboardRow[]>([])

  get rows(): readonly LeaderboardRow[] { return this.#rows }

  async load(services: Pick<Services, 'readJson'>, pack: string): Promise<void> {
    const parsed = v.safeParse(LeaderboardSchema, await services.readJson(`packs/${pack}/leaderboard.json`))
    this.#rows = parsed.success ? ranked(parsed.output.rows) : []
  }
}
