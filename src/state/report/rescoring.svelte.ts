/** The shown run scored again: other constants, another rule, other thresholds, or only a part of it. */
import {
  SpqrError,
  reviveError,
  type Axis,
  type JudgeFacts,
  type Report,
  type ScoringPreset,
  type Slice,
} from '../../core/contracts'
import { describeSlice, isWhole, NO_SLICE, SCORING_PRESETS, thresholdOf } from '../../core/scoring'
import type { Exhibit } from '../run/exhibit.svelte'
import type { Services } from '../page/services'

/** What the fields hold: text, because a number half typed is none. Empty ceiling or bounds: the pack's. */
export interface Draft {
  ceiling: string
  fidMin: string
  fidMax: string
  epsilon: string
  lambda: Record<Axis, string>
  combine: ScoringPreset['combine']
  thresholds: Record<string, string>
  suite: string
  category: string
  language: string
}

/** `run`: the constants the run was made with. */
export type PresetChoice = 'run' | 'pack' | 'paper' | 'code' | 'custom'

export class Rescoring {
  draft = $state<Draft | null>(null)
  #choice = $state<PresetChoice>('run')
  #choices = $state.raw<Slice>(NO_SLICE)
  #busy = $state(false)
  #problem = $state<string | null>(null)
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
  get choice(): PresetChoice {
    return this.#choice
  }
  /** Suites, categories and languages on offer. */
  get choices(): Slice {
    return this.#choices
  }
  get busy(): boolean {
    return this.#busy
  }
  get problem(): string | null {
    return this.#problem
  }

  /** Fills the fields from the report that is shown, and finds what its run can be cut by. */
  async begin(report: Report): Promise<void> {
    this.#fill(report.spec.scoring, report.slice)
    this.#choice = report.spec.scoring.name === report.record.spec.scoring.name ? 'run' : report.spec.scoring.name
    this.#choices = await this.#services.statistics.choices(report.record)
  }

  /** Puts the constants of a preset into the fields. */
  choose(choice: PresetChoice): void {
    const own = this.#exhibit.report?.record.spec.scoring
    this.#choice = choice
    if (choice === 'custom' || !own || !this.draft) return
    const { suite, category, language } = this.draft
    this.#fill(choice === 'run' ? own : SCORING_PRESETS[choice])
    Object.assign(this.draft, { suite, category, language })
  }

  /** A constant was typed: from now on they are the reader's own. */
  edited(): void {
    this.#choice = 'custom'
  }

  /** Scores the run with what the fields say and shows it everywhere; a wrong field is told and changes nothing. */
  async apply(): Promise<void> {
    const { report } = this.#exhibit
    if (!report || !this.draft) return
    await this.#work(report, this.#presetOf(report, this.draft), sliceOf(this.draft))
  }

  /** Back to the whole run under its own constants. */
  async undo(): Promise<void> {
    const { report } = this.#exhibit
    if (!report) return
    await this.#work(report, () => report.record.spec.scoring, NO_SLICE)
    if (this.#exhibit.report) await this.begin(this.#exhibit.report)
  }

  async #work(report: Report, preset: () => ScoringPreset, slice: Slice): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    this.#problem = null
    try {
      const again = await this.#services.statistics.rescore(report.record, preset(), slice)
      if (this.#exhibit.report === report) this.#exhibit.rescored(again)
    } catch (thrown) {
      const { message, hint } = reviveError(thrown)
      this.#problem = `${message} ${hint}`
    } finally {
      this.#busy = false
    }
  }

  #fill(preset: ScoringPreset, slice: Slice = NO_SLICE): void {
    const text = (value: number | null | undefined): string =>
      value === null || value === undefined ? '' : String(value)
    const { lambda, fidBounds } = preset
    this.draft = {
      ceiling: text(preset.promptCeiling),
      fidMin: text(fidBounds?.min),
      fidMax: text(fidBounds?.max),
      epsilon: text(preset.epsilon),
      lambda: { S: text(lambda.S), P: text(lambda.P), Q: text(lambda.Q), R: text(lambda.R) },
      combine: preset.combine,
      thresholds: Object.fromEntries(this.judges.map((judge) => [judge.id, text(thresholdOf(judge, preset))])),
      suite: slice.suites[0] ?? '',
      category: slice.categories[0] ?? '',
      language: slice.languages[0] ?? '',
    }
  }

  #presetOf(report: Report, draft: Draft): () => ScoringPreset {
    const choice = this.#choice
    if (choice === 'run') return () => report.record.spec.scoring
    if (choice !== 'custom') return () => SCORING_PRESETS[choice]
    return () => customPreset(draft, this.judges)
  }
}

/** "Only suite x." or null for the whole run. */
export const sliceLine = (slice: Slice | undefined): string | null =>
  slice && !isWhole(slice) ? `Only ${describeSlice(slice)}.` : null

const sliceOf = ({ suite, category, language }: Draft): Slice => {
  const list = (value: string): string[] => (value === '' ? [] : [value])
  return { suites: list(suite), categories: list(category), languages: list(language) }
}

/** The reader's own constants. Throws BAD_INPUT naming the field that is no number, or half of a pair. */
export function customPreset(draft: Draft, judges: readonly { id: string; threshold: number }[]): ScoringPreset {
  const { lambda, fidMin, fidMax } = draft
  if ((fidMin.trim() === '') !== (fidMax.trim() === ''))
    throw new SpqrError('BAD_INPUT', 'One FID bound is missing.', 'Give both, or neither for those of the pack.')
  return {
    name: 'custom',
    combine: draft.combine,
    epsilon: numberIn('ε', draft.epsilon, 0, 0.499),
    promptCeiling: draft.ceiling.trim() === '' ? null : numberIn('The ceiling of P', draft.ceiling, 1e-6, 1),
    fidBounds:
      fidMin.trim() === ''
        ? null
        : {
            min: numberIn('The lower FID bound', fidMin, 0, 1e6),
            max: numberIn('The upper FID bound', fidMax, 0, 1e6),
          },
    lambda: {
      S: numberIn('λ of S', lambda.S, 1e-6, 1e6),
      P: numberIn('λ of P', lambda.P, 1e-6, 1e6),
      Q: numberIn('λ of Q', lambda.Q, 1e-6, 1e6),
      R: numberIn('λ of R', lambda.R, 1e-6, 1e6),
    },
    thresholds: Object.fromEntries(
      judges.map(({ id, threshold }) => [
        id,
        numberIn(`The threshold of ${id}`, draft.thresholds[id] ?? String(threshold), 0, 1),
      ]),
    ),
  }
}

function numberIn(name: string, text: string, low: number, high: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text.trim().replace(',', '.'))
  if (!(value >= low && value <= high))
    throw new SpqrError(
      'BAD_INPUT',
      `${name} must be a number from ${low} to ${high}; it is "${text}".`,
      'Correct the field and score again.',
    )
  return value
}
