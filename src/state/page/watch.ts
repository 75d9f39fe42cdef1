/**
 * Notices that a worker is gone though no event said so. Where the browser has locks, the worker holds one for its life
 * and the page waits for it: that it is granted is the event. Elsewhere the page sends pings while calls are open; the
 * bound grows with the slowest reply, since a worker that computes cannot reply.
 */

const TICK_MS = 5_000
/** Least silence, of a page that was awake, after which a worker with open calls is taken for dead. */
const SILENCE_MS = 120_000
/** How many times the slowest reply so far a silence may last. */
const PATIENCE = 4

export interface Watched {
  /** Whether somebody waits for the worker: only then does silence mean anything. */
  busy(): boolean
  /** It has shown its first sign of life: from here on its end is noticed. */
  onAlive?(): void
  onDead(): void
}

interface Sign {
  life?: unknown
  pong?: unknown
}

/** Watches until the function it returns is called, or the worker is dead. */
export function watchLife(worker: Worker, { busy, onAlive, onDead }: Watched): () => void {
  const ended = new AbortController()
  const { signal } = ended
  const dead = () => {
    if (signal.aborted) return
    ended.abort()
    onDead()
  }
  const silence = new Silence(worker, busy, dead)
  const timer = setInterval(() => silence.tick(performance.now()), TICK_MS)
  signal.addEventListener('abort', () => clearInterval(timer))
  worker.addEventListener('message', ({ data }: MessageEvent<Sign | null>) => {
    if (typeof data?.life === 'string' && !signal.aborted) {
      // From here on the lock tells, and no clock.
      clearInterval(timer)
      navigator.locks.request(data.life, { signal }, dead).catch(() => undefined)
    }
    if (data?.life !== undefined) onAlive?.()
    if (data?.life !== undefined || data?.pong !== undefined) silence.heard()
  })
  return () => ended.abort()
}

/** How long a worker has been silent while the page was awake and waited for it. */
class Silence {
  #ms = 0
  #slowest = 0
  #last = performance.now()
  readonly #worker: Worker
  readonly #busy: () => boolean
  readonly #dead: () => void

  constructor(worker: Worker, busy: () => boolean, dead: () => void) {
    this.#worker = worker
    this.#busy = busy
    this.#dead = dead
  }

  heard(): void {
    this.#slowest = Math.max(this.#slowest, this.#ms)
    this.#ms = 0
  }

  tick(now: number): void {
    // A page that was frozen or throttled hears nothing either: a late tick counts as one.
    const passed = Math.min(now - this.#last, 2 * TICK_MS)
    this.#last = now
    if (!this.#busy()) {
      this.#ms = 0
      return
    }
    this.#ms += passed
    if (this.#ms > Math.max(SILENCE_MS, PATIENCE * this.#slowest)) this.#dead()
    else this.#worker.postMessage({ ping: 1 })
  }
}
