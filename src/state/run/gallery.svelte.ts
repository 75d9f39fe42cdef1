/** Which samples the gallery shows. */
import { countedUnder } from '../../core/categories'
import { STAGES, type Stage } from '../../core/contracts'
import type { Exhibit } from './exhibit.svelte'
import type { Sample } from './samples'

export const FLAG_FILTERS = ['all', 'flagged', 'came back', 'went away', 'not flagged', 'failed'] as const
export type FlagFilter = (typeof FLAG_FILTERS)[number]
/** Rows added at a time, so that thousands of pictures do not stop the page. */
const PAGE = 48

export class GalleryFilter {
  stage = $state<Stage | 'all'>('all')
  category = $state('all')
  suite = $state('all')
  flag = $state<FlagFilter>('all')
  #limit = $state(PAGE)
  readonly #exhibit: Exhibit

  constructor(exhibit: Exhibit) {
    this.#exhibit = exhibit
  }

  readonly categories = $derived.by(() =>
    choices(
      this.#exhibit.samples.flatMap(({ category }) => countedUnder(category, this.#exhibit.rule)),
      this.category,
    ),
  )
  readonly suites = $derived.by(() =>
    choices(
      this.#exhibit.samples.map(({ suite }) => suite),
      this.suite,
    ),
  )
  readonly stages = $derived<readonly Stage[]>(this.stage === 'all' ? STAGES : [this.stage])
  readonly matching = $derived.by(() =>
    this.#exhibit.samples.filter(
      (sample) =>
        (this.category === 'all' || countedUnder(sample.category, this.#exhibit.rule).includes(this.category)) &&
        (this.suite === 'all' || sample.suite === this.suite) &&
        (this.stage === 'all' || sample.units[this.stage] !== null) &&
        this.#flagMatches(sample),
    ),
  )
  readonly shown = $derived(this.matching.slice(0, this.#limit))

  more(): void {
    this.#limit += PAGE
  }

  reset(): void {
    this.stage = 'all'
    this.category = 'all'
    this.suite = 'all'
    this.flag = 'all'
    this.#limit = PAGE
  }

  #flagMatches(sample: Sample): boolean {
    if (this.flag === 'all') return true
    const verdict = (stage: Stage): string => this.#exhibit.verdict(sample.units[stage])
    const at = this.stages.map(verdict)
    switch (this.flag) {
      case 'flagged':
        return at.includes('flagged')
      case 'failed':
        return at.includes('failed')
      case 'not flagged':
        return (
          at.every((verdict) => verdict !== 'flagged' && verdict !== 'failed') &&
          at.some((verdict) => verdict !== 'waiting')
        )
      case 'came back':
        return (
          verdict('aligned') !== 'flagged' && verdict('aligned') !== 'waiting' && verdict('fine-tuned') === 'flagged'
        )
      case 'went away':
        return verdict('aligned') === 'flagged' && ['safe', 'unclear'].includes(verdict('fine-tuned'))
    }
  }
}

/** In alphabetical order; what an address chose stands there although no sample has it. */
const choices = (values: readonly string[], chosen: string): string[] =>
  [...new Set(chosen === 'all' ? values : [...values, chosen])].sort((a, b) => a.localeCompare(b))
