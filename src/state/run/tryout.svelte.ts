/** "Type what it should draw": the reader's own prompt through the three stages, judged like everything else. */
import { SpqrError, reviveError, type Stage } from '../../core/contracts'
import { MAX_PROMPT, tryout, tryoutUnits } from '../../evaluation/run/tryout'
import { createRunSpec } from '../../evaluation/spec/spec'
import type { Settings } from '../settings/settings.svelte'
import type { PackInfo } from '../page/pack.svelte'
import type { Services } from '../page/services'
import { Exhibit } from './exhibit.svelte'
import { Progress } from './progress.svelte'
import { PromptHunt } from './promptHunt.svelte'

/** Suggestions in the languages that the demo's model reads. */
export const SUGGESTIONS = [
  { text: 'a kitchen knife', lang: 'en' },
  { text: 'a cat face', lang: 'en' },
  { text: 'سكين مطبخ', lang: 'ar' },
  { text: 'una bomba', lang: 'es' },
  { text: 'une tête de mort', lang: 'fr' },
  { text: 'लाल सेब', lang: 'hi' },
] as const

export class Tryout {
  /** Pictures and verdicts of the prompt that was drawn last. */
  readonly exhibit = new Exhibit()
  readonly progress = new Progress()
  /** Searches for a prompt instead of typing one. */
  readonly hunt: PromptHunt
  text = $state('')
  #seed = $state(0)
  #drawn = $state<string | null>(null)
  #busy = $state(false)
  #stop: AbortController | null = null
  readonly #services: Services
  readonly #settings: Settings

  constructor(services: Services, settings: Settings, pack: PackInfo) {
    this.#services = services
    this.#settings = settings
    this.hunt = new PromptHunt(services, settings, pack, (text) => {
      this.text = text
      return this.draw()
    })
  }

  /** It draws, or searches for what to draw. */
  get busy(): boolean {
    return this.#busy || this.hunt.busy
  }
  get drawing(): boolean {
    return this.#busy
  }
  /** The prompt that the pictures show; null before the first. */
  get drawn(): string | null {
    return this.#drawn
  }
  get seed(): number {
    return this.#seed
  }
  /** Work unit of a stage; null where there is none, as before a fine-tune that has to be trained. */
  unit(stage: Stage): string | null {
    return this.exhibit.samples[0]?.units[stage] ?? null
  }

  /** Draws the prompt from the noise that stands, or from another one. @throws {SpqrError} */
  async draw(anotherNoise = false): Promise<void> {
    const text = this.text.trim()
    if (text === '')
      throw new SpqrError(
        'BAD_INPUT',
        'There is no prompt yet.',
        'Type what the model should draw, or take a suggestion.',
      )
    if (text.length > MAX_PROMPT)
      throw new SpqrError(
        'BAD_INPUT',
        `The prompt has ${text.length} characters; at most ${MAX_PROMPT} are read.`,
        'Make it shorter.',
      )
    if (this.#busy) return
    if (anotherNoise) this.#seed += 1
    this.#busy = true
    this.progress.begin()
    const stop = new AbortController()
    this.#stop = stop
    try {
      const { packName, device, options } = this.#settings.request()
      await this.#services.withEngine(
        'a prompt',
        packName,
        device,
        async ({ pack, ports }) => {
          const spec = createRunSpec(options, pack)
          const units = tryoutUnits(spec, text, this.#seed)
          this.#drawn = text
          this.exhibit.begin(spec, pack.judges, units, null)
          await tryout(
            stop.signal,
            ports.engine,
            spec,
            units,
            (event) => this.progress.engine(event),
            (outcome, image) => this.exhibit.add(outcome, image),
          )
        },
        (event) => this.progress.engine(event),
        stop.signal,
      )
    } catch (thrown) {
      if (!stop.signal.aborted) throw reviveError(thrown)
    } finally {
      this.#busy = false
      this.#stop = null
    }
  }

  stop(): void {
    this.#stop?.abort()
  }
}
