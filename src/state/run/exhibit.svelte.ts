/** What the page shows: samples, their outcomes and pictures, and the Report once there is one. */
import { SvelteMap } from 'svelte/reactivity'
import {
  SCORING_RULE,
  type CurvePoint,
  type GeneratedImage,
  type JudgeFacts,
  type Outcome,
  type Report,
  type RunRecord,
  type RunSpec,
  type ScoringPreset,
  type ScoringRule,
  type Stage,
  type WorkUnit,
} from '../../core/contracts'
import { Pictures } from './pictures.svelte'
import { samplesByKey, samplesOf, samplesOfOutcomes, type Sample } from './samples'
import { needsVeil } from './veil'
import { safetyViews, verdictOf, type Verdict } from '../report/verdict'

/** Where the shown figures come from; a recorded run is never shown as live. */
export type Origin =
  | { kind: 'nothing' }
  | { kind: 'recorded'; at: string }
  | { kind: 'live' }
  | { kind: 'stored'; at: string }
  | { kind: 'imported'; name: string }
  | { kind: 'link' }

/** The breakdown curve with its ceiling (base model) and floor (aligned model). */
export interface Curve {
  points: readonly CurvePoint[]
  harmfulness: Report['harmfulness']
}

export class Exhibit {
  readonly pictures = new Pictures()
  readonly outcomes = new SvelteMap<string, Outcome>()
  #origin = $state.raw<Origin>({ kind: 'nothing' })
  #report = $state.raw<Report | null>(null)
  #samples = $state.raw<Sample[]>([])
  #spec = $state.raw<RunSpec | null>(null)
  #judges = $state.raw<readonly JudgeFacts[]>([])
  #growing = $state.raw<Curve | null>(null)
  /** The unit that arrived last: what the large row of the spine shows while a run goes on. */
  #latest = $state.raw<string | null>(null)

  /** h, P and Q along a live fine-tune: the report's, or as far as the run has come; null where there is none. */
  readonly curve = $derived.by((): Curve | null => {
    const shown =
      this.#report === null ? this.#growing : { points: this.#report.curve, harmfulness: this.#report.harmfulness }
    return shown !== null && shown.points.length > 0 ? shown : null
  })
  /** True once the reader asked to see pictures that are blurred by default; every run starts blurred. */
  revealed = $state(false)
  /** True where pictures are of a model that is not fit for a classroom by itself. */
  readonly veilable = $derived(this.#spec !== null && needsVeil(this.#spec))
  readonly veiled = $derived(this.veilable && !this.revealed)
  readonly harmful = $derived(this.#samples.filter((sample) => sample.harmful))
  readonly benign = $derived(this.#samples.filter((sample) => !sample.harmful))
  readonly byKey = $derived(samplesByKey(this.#samples))
  /** The rule of the shown record; a run that goes on has that of records made now. */
  readonly rule = $derived<ScoringRule>(this.#report === null ? SCORING_RULE : (this.#report.record.scoringRule ?? 1))

  /** Says what a record from outside brings of its own. */
  judging = $state.raw<((record: RunRecord, origin: Origin) => readonly string[]) | null>(null)
  /** What the shown Report brings of its own: judges, rates and constants that this page does not know; one sentence each. */
  readonly own = $derived(
    this.#report !== null && this.judging !== null ? this.judging(this.#report.record, this.#origin) : [],
  )

  /** Told of every finished Report that is shown. */
  onreport: ((report: Report, origin: Origin) => void) | null = null

  get origin(): Origin {
    return this.#origin
  }
  get report(): Report | null {
    return this.#report
  }
  get samples(): Sample[] {
    return this.#samples
  }
  get spec(): RunSpec | null {
    return this.#spec
  }
  get judges(): readonly JudgeFacts[] {
    return this.#judges
  }
  get latest(): string | null {
    return this.#latest
  }

  /** Empties the stage for a run whose units are known and whose outcomes will follow. */
  begin(
    spec: RunSpec,
    judges: readonly JudgeFacts[],
    units: readonly WorkUnit[],
    source: ((unitId: string) => Promise<GeneratedImage | null>) | null,
  ): void {
    this.outcomes.clear()
    this.revealed = false
    this.pictures.reset(source)
    this.#origin = { kind: 'live' }
    this.#report = null
    this.#growing = null
    this.#spec = spec
    this.#judges = judges
    this.#samples = samplesOf(units)
    this.#latest = null
  }

  clear(): void {
    this.outcomes.clear()
    this.#growing = null
    this.pictures.reset(null)
    this.#origin = { kind: 'nothing' }
    this.#report = null
    this.#samples = []
    this.#spec = null
    this.#judges = []
    this.#latest = null
  }

  /** A picture whose judges are still on their way. */
  drawn({ id, step }: Pick<WorkUnit, 'id' | 'step'>, image: GeneratedImage): void {
    this.pictures.arrived(id, image)
    if (step === null) this.#latest = id
  }

  /** One outcome as it comes, with its picture where there is one. */
  add(outcome: Outcome, image: GeneratedImage | null): void {
    if (image && !this.pictures.get(outcome.unitId)) this.pictures.arrived(outcome.unitId, image)
    this.outcomes.set(outcome.unitId, outcome)
    if (outcome.step === null) this.#latest = outcome.unitId
  }

  /** The curve as far as checkpoints have been measured. */
  grow(points: readonly CurvePoint[], harmfulness: Report['harmfulness']): void {
    this.#growing = { points, harmfulness }
  }

  /** Shows a finished Report; `keepPictures` when its pictures are here already. */
  show(
    report: Report,
    origin: Origin,
    source: ((unitId: string) => Promise<GeneratedImage | null>) | null,
    keepPictures = false,
  ): void {
    if (!keepPictures) {
      this.pictures.reset(source)
      this.revealed = false
    }
    this.outcomes.clear()
    for (const outcome of report.record.outcomes) this.outcomes.set(outcome.unitId, outcome)
    this.#origin = origin
    this.#spec = report.spec
    this.#judges = report.record.judges
    this.#samples = samplesOfOutcomes(report.record.outcomes)
    this.#report = report
    this.#latest = null
    this.onreport?.(report, origin)
  }

  /** The same samples scored with other constants, or a part of them; the verdicts follow. */
  rescored(report: Report): void {
    this.#report = report
    this.#spec = report.spec
  }

  verdict(unitId: string | null, preset: ScoringPreset | undefined = this.#spec?.scoring): Verdict {
    const outcome = unitId === null ? undefined : this.outcomes.get(unitId)
    return outcome && preset ? verdictOf(outcome, this.#judges, preset) : 'waiting'
  }

  /** The label that the most certain flagging judge gives, such as "weapons". */
  reason(unitId: string): string | null {
    const outcome = this.outcomes.get(unitId)
    const scoring = this.#spec?.scoring
    if (!outcome || !scoring) return null
    const tops = safetyViews(outcome, this.#judges, scoring).flatMap(({ flag, scores: [top] }) =>
      flag === 'flagged' && top ? [top] : [],
    )
    return (
      tops.reduce<(typeof tops)[number] | null>((best, top) => (top.score > (best?.score ?? 0) ? top : best), null)
        ?.label ?? null
    )
  }

  /** Flagged, judged and planned harmful pictures at a stage, as far as they have arrived. */
  tally(stage: Stage): { flagged: number; judged: number; failed: number; planned: number } {
    const tally = { flagged: 0, judged: 0, failed: 0, planned: 0 }
    for (const sample of this.harmful) {
      const unit = sample.units[stage]
      if (unit === null) continue
      tally.planned += 1
      const verdict = this.verdict(unit)
      if (verdict === 'failed') tally.failed += 1
      else if (verdict !== 'waiting') {
        tally.judged += 1
        if (verdict === 'flagged') tally.flagged += 1
      }
    }
    return tally
  }
}
