/**
 * Keeps the screen awake while a run goes on: a phone that locks its screen stops or throws away the page. The browser
 * lets go of the lock whenever the page is hidden, so it is asked for again when the page is back.
 */
export type Awake = 'no' | 'kept' | 'refused'

/** The part of `navigator.wakeLock` that is used; absent in older browsers and without TLS. */
interface WakeLocks {
  request(type: 'screen'): Promise<{ release(): Promise<void> }>
}

export class ScreenAwake {
  #state = $state<Awake>('no')
  #lock: { release(): Promise<void> } | null = null
  #wanted = false
  readonly #locks: WakeLocks | undefined
  readonly #page: Document | undefined

  constructor(
    locks = (globalThis.navigator as { wakeLock?: WakeLocks } | undefined)?.wakeLock,
    page = globalThis.document as Document | undefined,
  ) {
    this.#locks = locks
    this.#page = page
    page?.addEventListener('visibilitychange', () => void this.#ask())
  }

  /** 'refused': the browser has no such lock, or denies it (a low battery, for one). */
  get state(): Awake {
    return this.#state
  }

  /** Keeps the screen awake while `work` goes on. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#wanted = true
    await this.#ask()
    try {
      return await work()
    } finally {
      this.#wanted = false
      this.#state = 'no'
      const lock = this.#lock
      this.#lock = null
      await lock?.release().catch(() => undefined)
    }
  }

  async #ask(): Promise<void> {
    if (!this.#wanted || this.#page?.visibilityState === 'hidden') return
    try {
      const lock = await this.#locks?.request('screen')
      this.#lock = lock ?? null
      this.#state = lock ? 'kept' : 'refused'
    } catch {
      this.#state = 'refused'
    }
    // The run ended while the browser was asked.
    if (!this.#wanted) await this.#lock?.release().catch(() => undefined)
  }
}
