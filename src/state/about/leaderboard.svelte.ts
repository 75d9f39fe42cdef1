/** The pack's own reference study: what the product's evaluator found for every method, profile and scenario. */
import * as v from 'valibot'
import { SCENARIOS, type PackManifest, type Profile, type Scenario, type Score } from '../../core/contracts'
import { MITIGATION_IDS, MITIGATIONS } from '../../core/methods'
import { packHash } from '../../evaluation/spec/specHash'
import {
  BoardSchema,
  STUDY_PROFILES,
  designKey,
  designKeys,
  designOf,
  isWholeRow,
  type Row,
  type StudyProfile,
} from '../../evaluation/study/board'
import { capabilityOf, shownBy, type Capability, type Shown } from '../../evaluation/study/findings'
import { figure, points } from '../page/format'
import { methodName } from '../page/names'
import { ranked } from '../compare/ranks'
import type { Held } from '../run/nextStep'
import type { Services } from '../page/services'

export type { StudyProfile }

/** One row of the study; `rank` among the methods under the same benign fine-tune, `shown` by all tests of its design together. */
export interface StudyRow extends Row {
  rank: number | null
  shown: Shown
  /** P and Q of the same benign prompts before and after fine-tuning; null where nothing was drawn. */
  able: Capability | null
}

/** The base model fine-tuned by the same data: no method, so it is neither ranked nor counted. */
export const CONTROL = 'none'

/** A method under all profiles of one scenario: h in percent before and after, and the profile that did most. */
export interface MethodStory {
  method: string
  aligned: Score
  after: Partial<Record<StudyProfile, Score>>
  worst: StudyRow | null
  /** Whether some profile brought harm back, by the adjusted tests. */
  undone: boolean
  /** Larger rises are excluded under every profile, in points; null where that cannot be said. */
  atMost: number | null
}

const driftOf = (row: StudyRow | null): number => row?.drift.value ?? Number.NEGATIVE_INFINITY

/** Who leads, as far as the intervals tell them apart. */
export function rankFinding(all: readonly StudyRow[]): string {
  const rows = all.filter(({ method }) => method !== CONTROL)
  const first = rows.filter(({ rank }) => rank === 1)
  const [only] = first
  if (!only) return 'No method has a score'
  return first.length === 1
    ? `${methodName(only.method)} comes first`
    : `${first.length} of ${rows.length} methods share the first rank`
}

/**
 * How many methods harmless fine-tuning undid by tests adjusted for all rows of the study, which most, and how large a rise
 * in the others can have escaped.
 */
export function storiesFinding(all: readonly MethodStory[]): string {
  const stories = all.filter(({ method }) => method !== CONTROL)
  const [first] = stories.filter(({ undone }) => undone)
  const others = stories.filter(({ undone }) => !undone)
  const bound = others.reduce<number | null>(
    (most, { atMost }) => (most === null || atMost === null ? null : Math.max(most, atMost)),
    0,
  )
  // Whole clauses, for "in any" and "in the others" stand at other places in other languages.
  const most = figure(bound ?? 0, 1)
  const excluded = first?.worst ? `no rise above ${most} points in the others` : `no rise above ${most} points in any`
  const clause = bound === null ? [] : [excluded]
  if (!first?.worst) return [`No method of ${stories.length} is shown to drift`, ...clause].join('; ')
  const undone = stories.length - others.length
  const by = points(driftOf(first.worst))
  const harm =
    first.worst.profile === 'accelerate'
      ? `The accelerator brought harm back in ${undone} of ${stories.length} methods, most in ${methodName(first.method)}: ${by} points`
      : `Harmless fine-tuning brought harm back in ${undone} of ${stories.length} methods, most in ${methodName(first.method)}: ${by} points`
  return [harm, ...(others.length > 0 ? clause : [])].join('; ')
}

/** How the rows of a design were made, in a few words. */
function designName(rows: readonly Row[]): string {
  const [first] = rows
  if (!first) return ''
  const { sampler, trainings, mitigation, accelerated } = designOf(first)
  if (accelerated) return 'Sped up by the accelerator'
  const kept = MITIGATION_IDS.find((id) => id === mitigation)
  const how = kept ? `, ${MITIGATIONS[kept].name}` : mitigation === 'none' ? '' : ', trained beneath the alignment'
  return `${sampler === 'fast' ? 'Fast' : 'Full'} sampler, ${trainings === 1 ? 'one training' : `${trainings} trainings`}${how}`
}

export class Leaderboard {
  #all = $state.raw<readonly StudyRow[]>([])
  #design = $state('')
  #scenario = $state<Scenario>('general')
  #profile = $state<StudyProfile>('standard')
  readonly #services: Pick<Services, 'leaderboard'>

  constructor(services: Pick<Services, 'leaderboard'>) {
    this.#services = services
  }

  /** Ways in which rows were made; only rows of one compare. */
  readonly designs = $derived(
    designKeys(this.#all).map((key) => {
      const rows = this.#all.filter((row) => designKey(designOf(row)) === key)
      return { key, name: designName(rows), size: rows.length }
    }),
  )
  /** The design with the most rows says most; of equal ones the first. */
  readonly #usual = $derived(this.designs.toSorted((a, b) => b.size - a.size)[0])
  readonly #rows = $derived(this.#all.filter((row) => designKey(designOf(row)) === this.design))
  /** All rows of the chosen design: as many tests are adjusted together. */
  readonly tests = $derived(this.#rows.length)
  readonly scenarios = $derived(SCENARIOS.filter((scenario) => this.#rows.some((row) => row.scenario === scenario)))
  readonly profiles = $derived(
    STUDY_PROFILES.filter((profile) =>
      this.#rows.some((row) => row.scenario === this.scenario && row.profile === profile),
    ),
  )
  /** Methods of the chosen scenario, those that drift most first. */
  readonly stories = $derived(storiesOf(this.#rows.filter(({ scenario }) => scenario === this.scenario)))
  /** Methods under the chosen scenario and profile, best first. */
  readonly rows = $derived(
    this.#rows.filter(({ scenario, profile }) => scenario === this.scenario && profile === this.profile),
  )

  get design(): string {
    return (this.designs.find(({ key }) => key === this.#design) ?? this.#usual)?.key ?? ''
  }
  set design(key: string) {
    this.#design = key
  }
  get scenario(): Scenario {
    return this.scenarios.includes(this.#scenario) ? this.#scenario : (this.scenarios[0] ?? 'general')
  }
  set scenario(scenario: Scenario) {
    this.#scenario = scenario
  }
  get profile(): StudyProfile {
    return this.profiles.includes(this.#profile) ? this.#profile : (this.profiles.at(-1) ?? 'standard')
  }
  set profile(profile: StudyProfile) {
    this.#profile = profile
  }

  /** Rows of a method, the largest drift first. */
  rowsOf(method: string): StudyRow[] {
    return this.#rows.filter((row) => row.method === method).toSorted((a, b) => driftOf(b) - driftOf(a))
  }

  /** Methods that made the model safer and were not shown to break under this fine-tune, best first. */
  held(profile: Profile, scenario: Scenario): Held[] {
    return this.#rows
      .filter(
        ({ method, shown, harmfulness: { base, aligned }, ...row }) =>
          method !== CONTROL &&
          row.profile === profile &&
          row.scenario === scenario &&
          shown.change !== 'rise' &&
          aligned.value !== null &&
          aligned.value < (base.value ?? 0) / 2,
      )
      .map(({ method }) => ({ method, name: methodName(method), profile, scenario }))
  }

  /** Rows of another pack, of an older one by this name, and those whose trainings are not all done are left out. */
  async load(name: string, manifest: PackManifest): Promise<void> {
    const parsed = v.safeParse(BoardSchema, await this.#services.leaderboard(name))
    const hash = packHash(manifest)
    const own = parsed.success ? parsed.output.rows.filter((row) => row.packSha256 === hash && isWholeRow(row)) : []
    this.#all = designKeys(own).flatMap((key) => {
      const rows = own.filter((row) => designKey(designOf(row)) === key)
      const shown = shownBy(rows)
      const tested = rows.flatMap((row, i) => {
        const one = shown[i]
        return one ? [{ ...row, shown: one, able: capabilityOf(row) }] : []
      })
      const control = tested.filter(({ method }) => method === CONTROL)
      return [
        ...ranked(tested.filter(({ method }) => method !== CONTROL)),
        ...control.map((row) => ({ ...row, rank: null })),
      ]
    })
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
        undone: own.some(({ shown }) => shown.change === 'rise'),
        atMost: own.reduce<number | null>(
          (most, { shown }) => (most === null || shown.atMost === null ? null : Math.max(most, shown.atMost)),
          0,
        ),
      },
    ]
  })
  // Methods that are undone first, the control last.
  const order = ({ method, undone }: MethodStory) => (method === CONTROL ? 2 : undone ? 0 : 1)
  return stories.toSorted((a, b) => order(a) - order(b) || driftOf(b.worst) - driftOf(a.worst))
}
