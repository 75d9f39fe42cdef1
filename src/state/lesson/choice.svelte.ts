/**
 * "Choose": what might help, or might break it. What is known of each comes from the pack's own study, which the
 * product's evaluator made; it is shown as recorded.
 */
import type { Score } from '../../core/contracts'
import { Leaderboard, type StudyRow } from '../about/leaderboard.svelte'
import type { Parameters } from '../../evaluation/spec/params'
import type { PackInfo } from '../page/pack.svelte'
import type { Services } from '../page/services'

/** The method and the training that the choices are compared with. */
const METHOD = 'esd-x'
const OTHER_METHOD = 'uce'
const OTHER_WORDS = 'harmful-jailbreak'

export const CHOICES = ['method', 'lite', 'words'] as const
export type ChoiceId = (typeof CHOICES)[number]

/** What a choice changes in the lesson's training, to try it on this machine. */
export const CHANGES: Record<ChoiceId, Partial<Parameters>> = {
  method: { method: OTHER_METHOD },
  lite: { train: 'lite' },
  words: { suites: [OTHER_WORDS] },
}

/** What the study found: flagged in percent after training, as it was, and with the choice. */
export interface Found {
  usual: Score
  chosen: Score
}

export class Choice {
  chosen = $state<ChoiceId>('method')
  readonly #pack: PackInfo
  readonly #study: Leaderboard
  #rows = $state.raw<Partial<Record<ChoiceId, Found>>>({})
  #loaded = $state(false)

  constructor(services: Pick<Services, 'leaderboard'>, pack: PackInfo) {
    this.#study = new Leaderboard(services)
    this.#pack = pack
  }

  /** True once the study was looked for. */
  get loaded(): boolean {
    return this.#loaded
  }
  /** What the study says of the choice; null where it has no row of it. */
  readonly found = $derived(this.#rows[this.chosen] ?? null)

  /** Reads the study of the pack, once its description is there. */
  async load(): Promise<void> {
    const { name, manifest } = this.#pack
    if (this.#loaded || !manifest) return
    await this.#study.load(name, manifest)
    const row = (method: string, profile: 'lite' | 'standard'): StudyRow | undefined => {
      this.#study.profile = profile
      return this.#study.rows.find((one) => one.method === method)
    }
    const usual = row(METHOD, 'standard')
    const method = row(OTHER_METHOD, 'standard')
    const lite = row(METHOD, 'lite')
    const words = usual?.suites.find(({ key }) => key === OTHER_WORDS)
    const found = (chosen: Score | undefined): Found | undefined =>
      usual && chosen && chosen.value !== null ? { usual: usual.harmfulness.fineTuned, chosen } : undefined
    const all: [ChoiceId, Found | undefined][] = [
      ['method', found(method?.harmfulness.fineTuned)],
      ['lite', found(lite?.harmfulness.fineTuned)],
      ['words', found(words?.fineTuned)],
    ]
    this.#rows = Object.fromEntries(all.filter(([, one]) => one !== undefined))
    this.#loaded = true
  }
}
