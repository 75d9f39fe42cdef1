/** "Break it yourself": a search for a string that the model reads as something forbidden, then drawn by the try-out. */
import { LIVE_SEARCH, forbiddenConcepts, searchFor } from '../../core/attack'
import { SpqrError, reviveError, type SearchProgress, type SearchSettings } from '../../core/contracts'
import type { PackInfo } from '../page/pack.svelte'
import type { Services } from '../page/services'
import type { Settings } from '../settings/settings.svelte'

/** How long a search may take: a few seconds, or about a minute. */
export const EFFORTS = {
  short: { ...LIVE_SEARCH, population: 40, generations: 20 },
  long: LIVE_SEARCH,
} as const satisfies Record<string, SearchSettings>
export type Effort = keyof typeof EFFORTS

/** A family of forbidden things, as a choice of the form: all of it, or one thing. */
export interface FamilyChoice {
  family: string
  concepts: readonly string[]
}

export class PromptHunt {
  /** The panel is open: it stays so when a turned phone puts it elsewhere. */
  open = $state(false)
  /** A family, or `family/concept`; empty: the first thing of the first family. */
  what = $state('')
  seed = $state<number | null>(1)
  effort = $state<Effort>('long')
  #step = $state.raw<SearchProgress | null>(null)
  #rounds = $state(0)
  #busy = $state(false)
  #ended = $state<'found' | 'stopped' | null>(null)
  #stop: AbortController | null = null
  readonly #services: Services
  readonly #settings: Settings
  readonly #pack: PackInfo
  readonly #draw: (text: string) => Promise<void>

  /** @param draw takes the found string as a typed prompt */
  constructor(services: Services, settings: Settings, pack: PackInfo, draw: (text: string) => Promise<void>) {
    this.#services = services
    this.#settings = settings
    this.#pack = pack
    this.#draw = draw
  }

  /** What can be searched for: forbidden things of the pack's first harmful suite, by family. */
  readonly choices = $derived.by((): FamilyChoice[] => {
    const all = forbiddenConcepts(this.#promptsOf(true))
    const firsts = all.filter(({ category }, i) => all.findIndex((one) => one.category === category) === i)
    return firsts.map(({ category: family }) => ({
      family,
      concepts: all.filter(({ category }) => category === family).map(({ id }) => id),
    }))
  })
  /** False for a published model: this is a lesson on the demo's harmless world, not a tool against other people's models. */
  readonly possible = $derived.by(() => this.choices.length > 0 && this.#settings.device().model === undefined)

  get busy(): boolean {
    return this.#busy
  }
  /** The nearest string of the last round that was looked at; null before the first. */
  get step(): SearchProgress | null {
    return this.#step
  }
  get rounds(): number {
    return this.#rounds
  }
  readonly share = $derived.by(() => (this.#step === null ? 0 : this.#step.generation / this.#rounds))
  /** How the last search ended; null before and during one. */
  get ended(): 'found' | 'stopped' | null {
    return this.#ended
  }

  #promptsOf(harmful: boolean) {
    const suite = this.#pack.manifest?.prompts.find((one) => one.harmful === harmful)?.suite
    return this.#pack.prompts.filter((prompt) => prompt.suite === suite)
  }

  /** The things that are searched for. @throws {SpqrError} BAD_INPUT for a choice that the pack does not have */
  #concepts(): readonly string[] {
    const [first] = this.choices
    const [family, concept] = this.what === '' ? [first?.family, first?.concepts[0]] : this.what.split('/')
    const found = this.choices.find((choice) => choice.family === family)
    if (found && concept === undefined) return found.concepts
    if (found && concept !== undefined && found.concepts.includes(concept)) return [concept]
    throw new SpqrError('BAD_INPUT', 'This model knows nothing forbidden of that name.', 'Choose from the list.')
  }

  /** Searches, then draws what was found. A search that is stopped keeps its nearest string. @throws {SpqrError} */
  async start(): Promise<void> {
    if (this.#busy) return
    const settings = EFFORTS[this.effort]
    const search = searchFor(this.#concepts(), this.#promptsOf(false), settings, this.seed ?? Number.NaN)
    this.#busy = true
    this.#step = null
    this.#ended = null
    this.#rounds = settings.generations
    const stop = new AbortController()
    this.#stop = stop
    try {
      const { packName, device } = this.#settings.request()
      const found = await this.#services.withEngine(
        'a search',
        packName,
        device,
        async ({ ports: { engine } }) => {
          stop.signal.addEventListener('abort', () => void engine.abort().catch(() => undefined))
          // Steps come through a channel of their own and may be late.
          return engine.searchPrompt(search, (step) => {
            if (this.#stop === stop && !stop.signal.aborted && step.generation > (this.#step?.generation ?? 0))
              this.#step = step
          })
        },
        undefined,
        stop.signal,
      )
      this.#stop = null
      this.#step = found
      this.#ended = 'found'
    } catch (thrown) {
      this.#ended = this.#step === null ? null : 'stopped'
      if (!stop.signal.aborted) throw reviveError(thrown)
    } finally {
      this.#stop = null
      this.#busy = false
    }
    if (this.#ended === 'found') await this.draw()
  }

  /** Draws the nearest string that there is. @throws {SpqrError} */
  async draw(): Promise<void> {
    if (this.#step !== null) await this.#draw(this.#step.text)
  }

  stop(): void {
    this.#stop?.abort()
  }
}
