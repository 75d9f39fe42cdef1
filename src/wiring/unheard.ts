/** Warnings of work that nobody asked for: whoever holds the engine is told, now or when it is next held. */
import type { EngineEvent } from '../core/contracts'

type Listener = (event: EngineEvent) => void

export class Unheard {
  #kept: EngineEvent[] = []
  #listener: Listener | null = null

  /** What such work is given to tell its events to; all but warnings are for nobody. */
  readonly hear = (event: EngineEvent): void => {
    if (event.type !== 'warning') return
    if (this.#listener) this.#listener(event)
    else this.#kept.push(event)
  }

  /** Tells `listener` what was kept, and what comes while `work` lasts. */
  async during<T>(listener: Listener, work: () => Promise<T>): Promise<T> {
    this.#listener = listener
    try {
      for (const event of this.#kept.splice(0)) listener(event)
      return await work()
    } finally {
      this.#listener = null
    }
  }
}
