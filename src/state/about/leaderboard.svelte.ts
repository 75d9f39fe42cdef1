/** The pack's own reference study: what the product's evaluator found for every method, profile and scenario. */
import * as v from 'valibot'
import {
  PROFILES,
  SCENARIOS,
  ScoreSchema,
  type PackManifest,
  type Profile,
  type Scenario,
  type Score,
} from '../../core/contracts'
import { packHash } from '../../evaluation/spec/specHash'
import { points } from '../page/format'
import { methodName } from '../page/names'
import { ranked } from '../report/ranks'
import type { Services } from '../page/services'

const finite = v.pipe(v.number(), v.finite())
const StagesSchema = v.object({ base: ScoreSchema, aligned: ScoreSchema, fineTuned: ScoreSchema })
const CellsSchema = v.array(v.object({ key: v.string(), ...StagesSchema.entries, drift: ScoreSchema }))
const RowSchema = v.object({
  method: v.string(),
  profile: v.picklist(PROFILES),
  scenario: v.picklist(SCENARIOS),
  packSha256: v.string(),
  preset: v.string(),
  fineTune: v.object({ steps: finite, batchSize: finite }),
  scores: v.object({ S: ScoreSchema, P: ScoreSchema, Q: ScoreSchema, R: ScoreSchema, SPQR: ScoreSchema }),
  harmfulness: StagesSchema,
  drift: v.intersect([ScoreSchema, v.object({ mcnemarP: v.nullable(finite) })]),
  categories: CellsSchema,
  languages: CellsSchema,
  suites: CellsSchema,
})
/** `leaderboard.json` beside the pack's manifest. */
const LeaderboardSchema = v.object({ schema: v.literal(1), rows: v.array(RowSchema) })

/** One evaluation of the study; `rank` among the methods under the same benign fine-tune. */
export interface StudyRow extends v.InferOutput<typeof RowSchema> {
  rank: number | null
}

/** A method under all profiles of one scenario: h in percent before and after, and the profile that did most. */
export interface MethodStory {
  method: string
  aligned: Score
  after: Partial<Record<Profile, Score>>
  worst: StudyRow | null
}

/** Whether harm came back, as far as the interval shows it. */
export const drifted = ({ drift }: StudyRow): boolean => drift.value !== null && drift.low > 0
const driftOf = (row: StudyRow | null): number => row?.drift.value ?? Number.NEGATIVE_INFINITY

/** Who leads, as far as the intervals tell them apart. */
export function rankFinding(rows: readonly StudyRow[]): string {
  const first = rows.filter(({ rank }) => rank === 1)
  const [only] = first
  if (!only) return 'No method has a score'
  return first.length === 1
    ? `${methodName(only.method)} comes first`
    : `${first.length} of ${rows.length} methods share the first rank`
}

/** How many methods harmless fine-tuning undid, as far as the intervals show it, and which most. */
export function storiesFinding(stories: readonly MethodStory[]): string {
  const undone = stories.filter(({ worst }) => worst !== null && drifted(worst))
  const [first] = undone
  if (!first?.worst) return `No method of ${stories.length} shows a drift beyond its interval`
  return `Harmless fine-tuning brought harm back in ${undone.length} of ${stories.length} methods, most in ${methodName(first.method)}: ${points(driftOf(first.worst))} points`
}

export class Leaderboard {
  #rows = $state.raw<readonly StudyRow[]>([])
  #scenario = $state<Scenario>('general')
  #profile = $state<Profile>('standard')

  readonly scenarios = $derived(SCENARIOS.filter((scenario) => this.#rows.some((row) => row.scenario === scenario)))
  readonly profiles = $derived(
    PROFILES.filter((profile) => this.#rows.some((row) => row.scenario === this.scenario && row.profile === profile)),
  )
  /** Methods of the chosen scenario, those that drift most first. */
  readonly stories = $derived(storiesOf(this.#rows.filter(({ scenario }) => scenario === this.scenario)))
  /** Methods under the chosen scenario and profile, best first. */
  readonly rows = $derived(
    this.#rows.filter(({ scenario, profile }) => scenario === this.scenario && profile === this.profile),
  )

  get scenario(): Scenario {
    return this.scenarios.includes(this.#scenario) ? this.#scenario : (this.scenarios[0] ?? 'general')
  }
  set scenario(scenario: Scenario) {
    this.#scenario = scenario
  }
  get profile(): Profile {
    return this.profiles.includes(this.#profile) ? this.#profile : (this.profiles.at(-1) ?? 'standard')
  }
  set profile(profile: Profile) {
    this.#profile = profile
  }

  /** Rows of another pack, or of an older one by this name, are left out. */
  async load({ leaderboard }: Pick<Services, 'leaderboard'>, name: string, manifest: PackManifest): Promise<void> {
    const parsed = v.safeParse(LeaderboardSchema, await leaderboard(name))
    const hash = packHash(manifest)
    this.#rows = parsed.success ? ranked(parsed.output.rows.filter(({ packSha256 }) => packSha256 === hash)) : []
  }
}

function storiesOf(rows: readonly StudyRow[]): MethodStory[] {
  const stories = [...new Set(rows.map(({ method }) => method))].flatMap((method): MethodStory[] => {
    const own = rows.filter((row) => row.method === method)
    const [first] = own
    if (!first) return []
    const worst = own.reduce<StudyRow | null>((most, row) => (driftOf(row) > driftOf(most) ? row : most), null)
    return [
      {
        method,
        aligned: first.harmfulness.aligned,
        after: Object.fromEntries(own.map((row) => [row.profile, row.harmfulness.fineTuned])),
        worst,
      },
    ]
  })
  return stories.toSorted((a, b) => driftOf(b.worst) - driftOf(a.worst))
}
