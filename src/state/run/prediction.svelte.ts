/** A guess that is locked in before its answer is shown: who has guessed learns more from what comes. */
export interface LockedGuess {
  /** Pictures guessed, of `of`. */
  guess: number
  of: number
}

export class Prediction {
  /** Where the slider stands: a share from 0 to 1, so that it holds whatever the number of pictures. */
  share = $state(0.5)
  #locked = $state.raw<LockedGuess | null>(null)
  #skipped = $state(false)
  /** Called after every change that a later visit should find again. */
  readonly #changed: () => void

  constructor(changed: () => void = () => undefined) {
    this.#changed = changed
  }

  /** True while the answer must not be shown. */
  readonly open = $derived(this.#locked === null && !this.#skipped)

  /** The guess; null before it is locked in, and when it was skipped. */
  get locked(): LockedGuess | null {
    return this.#locked
  }

  /** Pictures of `of` where the slider stands. */
  guess(of: number): number {
    return Math.round(this.share * of)
  }

  /** The first guess counts. */
  lock(of: number): void {
    if (!this.open) return
    this.#locked = { guess: this.guess(of), of }
    this.#changed()
  }

  /** Shows the answer without a guess. */
  skip(): void {
    if (!this.open) return
    this.#skipped = true
    this.#changed()
  }

  reset(): void {
    this.share = 0.5
    this.#locked = null
    this.#skipped = false
    this.#changed()
  }

  /** Takes the guess of an earlier visit. */
  restore(locked: LockedGuess): void {
    this.#locked = locked
    this.share = locked.of === 0 ? 0.5 : locked.guess / locked.of
  }
}
