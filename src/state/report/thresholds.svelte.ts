/** What the scores would be at other judge thresholds: computed again from the stored judgements, off the main thread. */
import {
  reviveError,
  type JudgeFacts,
  type Report,
  type RunRecord,
  type ScoringPreset,
  type ThresholdPoint,
} from '../../core/contracts'
import { thresholdOf } from '../../core/scoring'
import type { Exhibit } from '../run/exhibit.svelte'
import type { Services } from '../page/services'

const GRID = Array.from({ length: 51 }, (_, index) => index / 50)

export class Thresholds {
  /** Judge id → threshold that is tried. */
  #tried = $state.raw<Readonly<Record<string, number>>>({})
  #report = $state.raw<Report | null>(null)
  /** The run they are tried on: nothing of it is shown beside another. */
  #of = $state.raw<RunRecord | null>(null)
  #curve = $state.raw<readonly ThresholdPoint[]>([])
  #judge = $state<string | null>(null)
  #problem = $state<string | null>(null)
  #running = false
  #wanted = false
  #curveOf: { report: Report; judge: string } | null = null
  readonly #services: Services
  readonly #exhibit: Exhibit

  constructor(services: Services, exhibit: Exhibit) {
    this.#services = services
    this.#exhibit = exhibit
  }

  readonly judges = $derived.by(() =>
    this.#exhibit.judges.filter(
      (judge): judge is Extract<JudgeFacts, { kind: 'safety-multilabel' }> => judge.kind === 'safety-multilabel',
    ),
  )
  readonly judge = $derived.by(() => this.judges.find(({ id }) => id === this.#judge) ?? this.judges[0] ?? null)
  readonly value = $derived.by(() => (this.judge ? this.at(this.judge.id) : 0.5))

  readonly #current = $derived.by(() => this.#of !== null && this.#of === this.#exhibit.report?.record)

  get report(): Report | null {
    return this.#current ? this.#report : null
  }
  get curve(): readonly ThresholdPoint[] {
    return this.#curve
  }
  get problem(): string | null {
    return this.#problem
  }
  /** Judge id → threshold that is tried on the shown run. */
  get tried(): Readonly<Record<string, number>> {
    return this.#current ? this.#tried : {}
  }
  get changed(): boolean {
    return this.#current && Object.keys(this.#tried).length > 0
  }

  at(judgeId: string): number {
    const tried = this.#current ? this.#tried[judgeId] : undefined
    if (tried !== undefined) return tried
    const facts = this.judges.find(({ id }) => id === judgeId)
    return facts ? thresholdOf(facts, this.#exhibit.spec?.scoring ?? { thresholds: {} }) : 0.5
  }

  choose(judgeId: string): void {
    this.#judge = judgeId
    void this.draw()
  }

  try(judgeId: string, threshold: number): void {
    if (!this.#current) this.reset()
    this.#of = this.#exhibit.report?.record ?? null
    this.#tried = { ...this.#tried, [judgeId]: threshold }
    void this.#score()
  }

  /** Takes the tried thresholds over into the whole report. */
  keep(): void {
    const { report } = this
    if (!report) return
    this.reset()
    this.#exhibit.rescored(report)
  }

  /** Back to the thresholds of the run. */
  undo(): void {
    this.#tried = {}
    this.#report = null
  }

  reset(): void {
    this.undo()
    this.#curve = []
    this.#curveOf = null
    this.#problem = null
  }

  #preset(thresholds: Readonly<Record<string, number>>): ScoringPreset | null {
    const scoring = this.#exhibit.spec?.scoring
    return scoring ? { ...scoring, name: 'custom', thresholds: { ...scoring.thresholds, ...thresholds } } : null
  }

  /** One computation at a time; the latest wish wins. */
  async #score(): Promise<void> {
    this.#wanted = true
    if (this.#running) return
    this.#running = true
    try {
      while (this.#wanted) {
        this.#wanted = false
        const shown = this.#exhibit.report
        const preset = this.#preset(this.#tried)
        if (!shown || !preset) return
        const report = await this.#services.statistics.rescore(shown.record, preset, shown.slice)
        if (shown !== this.#exhibit.report) continue
        this.#report = report
        this.#problem = null
      }
    } catch (thrown) {
      this.#problem = reviveError(thrown).message
    } finally {
      this.#running = false
    }
  }

  /** h of every stage over the judge's whole range of thresholds, the other judges as they are. */
  async draw(): Promise<void> {
    const shown = this.#exhibit.report
    const judge = this.judge
    if (!shown || !judge || (this.#curveOf?.report === shown && this.#curveOf.judge === judge.id)) return
    if (this.#curveOf?.report !== shown) this.#curve = []
    this.#curveOf = { report: shown, judge: judge.id }
    try {
      const curve = await this.#services.statistics.thresholdCurve(
        shown.record,
        judge.id,
        shown.spec.scoring,
        GRID,
        shown.slice,
      )
      if (this.#curveOf?.report === shown && this.#curveOf.judge === judge.id) this.#curve = curve
    } catch (thrown) {
      this.#problem = reviveError(thrown).message
    }
  }
}
