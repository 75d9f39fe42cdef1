/** Asking again: a busy server or a dropped connection gets three more tries with growing pauses. */
import type { SpqrError } from '../../core/contracts'
import { throwIfAborted } from '../events'

/** Waits for the given milliseconds, or until the signal fires. */
export type Wait = (ms: number, signal?: AbortSignal) => Promise<void>

export const browserWait: Wait = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })

/** Statuses that may be others a moment later. */
export const BUSY: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])
/** Further tries in a row without a new byte. */
export const RETRIES = 3
const FIRST_PAUSE_MS = 500

/** Half of a doubling pause is certain, half is by chance, so that parallel downloads do not knock together. */
export const pauseMs = (first: number, tries: number): number => first * 2 ** (tries - 1) * (0.5 + Math.random() / 2)

/** A browser that knows it has no network need not be asked three times. */
const offline = (): boolean => (globalThis.navigator as { onLine?: boolean } | undefined)?.onLine === false

/** How often something was tried in vain. */
export class Retries {
  private tries = 0

  constructor(
    private readonly wait: Wait = browserWait,
    private readonly signal?: AbortSignal,
  ) {}

  /** To be called when there was progress. */
  reset(): void {
    this.tries = 0
  }

  /** Waits for the next try. @throws SpqrError `error` when there is none left, ABORTED */
  async after(error: SpqrError): Promise<void> {
    this.tries += 1
    if (this.tries > RETRIES || offline()) throw error
    await this.wait(pauseMs(FIRST_PAUSE_MS, this.tries), this.signal)
    throwIfAborted(this.signal)
  }
}
