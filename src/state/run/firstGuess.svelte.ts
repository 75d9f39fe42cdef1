/**
 * The guess of a first visit: how many pictures will show something forbidden after harmless training. It is asked once a
 * browser, of whoever opens the bare page; it holds the answer back until it is locked in or skipped, and blocks nothing.
 */
import * as v from 'valibot'
import { runId } from '../../evaluation/spec/spec'
import type { Exhibit } from './exhibit.svelte'
import { Prediction } from './prediction.svelte'

const KEY = 'spqr-guess'
/** Fewest pictures that are worth a guess. */
const ENOUGH = 4

const whole = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100_000))
const LockedSchema = v.strictObject({ guess: whole, of: whole, run: v.string() })
type Locked = v.InferOutput<typeof LockedSchema>

/** The browser's localStorage, which private windows may refuse. */
export type GuessShelf = Pick<Storage, 'getItem' | 'setItem'>
type Shown = Pick<Exhibit, 'origin' | 'report' | 'spec' | 'harmful'>

export class FirstGuess {
  readonly prediction = new Prediction()
  /** True from the moment the bare page is opened for the first time. */
  #asked = $state(false)
  #locked = $state.raw<Locked | null>(null)
  readonly #exhibit: Shown
  readonly #shelf: GuessShelf | null
  readonly #bare: boolean

  /** @param bare the page was opened without a link or a setting: `isBare` */
  constructor(exhibit: Shown, shelf: GuessShelf | null, bare: boolean) {
    this.#exhibit = exhibit
    this.#shelf = shelf
    this.#bare = bare
  }

  /** Pictures that are guessed about: those of the harmful prompts after fine-tuning. */
  readonly of = $derived.by(() => this.#exhibit.harmful.filter(({ units }) => units['fine-tuned'] !== null).length)

  /** True while the answer is held back. */
  readonly holds = $derived.by(() => {
    const { kind } = this.#exhibit.origin
    return this.#asked && this.prediction.open && (kind === 'recorded' || kind === 'live') && this.of >= ENOUGH
  })

  /** The guess about the run that is shown; null where none was made about it. */
  readonly made = $derived.by((): Locked | null =>
    this.#locked !== null && this.#locked.run === this.#run() ? this.#locked : null,
  )

  #run(): string | null {
    const { report, spec } = this.#exhibit
    return report?.record.id ?? (spec ? runId(spec) : null)
  }

  /** @param returning runs of earlier visits are stored in this browser */
  begin(returning: boolean): void {
    const stored = this.#read()
    const parsed = v.safeParse(LockedSchema, stored)
    if (parsed.success && parsed.output.guess <= parsed.output.of) {
      this.#locked = parsed.output
      this.prediction.restore(parsed.output)
    }
    if (!this.#bare || returning || stored !== null) return
    this.#asked = true
    this.#keep('asked')
  }

  lock(): void {
    const run = this.#run()
    this.prediction.lock(this.of)
    const { locked } = this.prediction
    if (run === null || locked === null) return
    this.#locked = { ...locked, run }
    this.#keep(this.#locked)
  }

  #read(): unknown {
    try {
      return JSON.parse(this.#shelf?.getItem(KEY) ?? 'null')
    } catch {
      // What is no JSON was not written by this page: the visit counts as a later one.
      return 'asked'
    }
  }

  #keep(what: Locked | 'asked'): void {
    try {
      this.#shelf?.setItem(KEY, JSON.stringify(what))
    } catch {
      // A browser that keeps nothing asks again on the next visit, which one tap skips.
    }
  }
}

/** Whether an address asks for nothing in particular: neither view nor link nor settings. */
export const isBare = (hash: string, query: string): boolean => hash.replace(/^#(run)?/, '') === '' && query === ''

/** Where a guess is kept; null where the browser has no such place. */
export function guessShelf(): GuessShelf | null {
  try {
    return globalThis.localStorage
  } catch {
    return null
  }
}
