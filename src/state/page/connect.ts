/**
 * A typed API behind a worker: callbacks are proxied, errors come back as SpqrError, a crash ends every open call, and so
 * does an end that no event tells of.
 */
import { proxy, wrap } from 'comlink'
import { SpqrError, reviveError } from '../../core/contracts'
import { watchLife } from './watch'

export interface Connection<Api> {
  api: Api
  /** It crashed or was ended: another call would meet the same error, so a new worker is needed. */
  readonly dead: boolean
  /** Ends the worker and whatever it was doing. */
  end(): void
}

/** How a worker ends: all that races with its calls, and the ways to end it. */
interface End {
  readonly dead: boolean
  /** Rejects once the worker has ended. */
  crashed: Promise<never>
  /** Fulfils with the worker's first sign of life. */
  alive: Promise<void>
  fail(error: SpqrError): void
}

/** Watches a worker: its errors, what it sends that cannot be read, and its silence while a call is open. */
function watchEnd(worker: Worker, name: string, busy: () => boolean): End {
  let dead = false
  let reject: (error: SpqrError) => void = () => undefined
  let started: () => void = () => undefined
  const crashed = new Promise<never>((_, rejected) => (reject = rejected))
  const alive = new Promise<void>((resolve) => (started = resolve))
  // Nobody may be calling when it happens; the next call then meets the same error.
  crashed.catch(() => undefined)
  const fail = (error: SpqrError) => {
    dead = true
    unwatch()
    reject(error)
  }
  const stopped = (message: string) => {
    fail(
      new SpqrError(
        'WORKER_CRASHED',
        `${name} stopped unexpectedly${message ? ` (${message})` : ''}.`,
        'Everything made so far is kept: press Run to go on. If it happens again, reload the page.',
      ),
    )
  }
  /**
   * WebKit keeps a page that was left, with its workers, and what these had open of a database stays locked for the page
   * that comes next. So they end with the page; one that is shown again starts others, as after a crash.
   */
  const leave = () => {
    unwatch()
    worker.terminate()
    globalThis.addEventListener('pageshow', () => stopped(''), { once: true })
  }
  const unwatchLife = watchLife(worker, {
    busy,
    onAlive: () => started(),
    onDead: () => {
      // What is only silent must not go on beside its successor.
      worker.terminate()
      stopped('')
    },
  })
  const unwatch = () => {
    unwatchLife()
    globalThis.removeEventListener('pagehide', leave)
  }
  globalThis.addEventListener('pagehide', leave)
  worker.addEventListener('error', ({ message }) => stopped(message))
  worker.addEventListener('messageerror', () => {
    fail(new SpqrError('WORKER_CRASHED', `${name} sent something that cannot be read.`, 'Reload the page.'))
  })
  return {
    get dead() {
      return dead
    },
    crashed,
    alive,
    fail,
  }
}

/** @param name what the worker is to the reader, such as "the engine" */
export function connect<Api extends object>(worker: Worker, name: string): Connection<Api> {
  const remote = wrap<Record<string, (...args: unknown[]) => unknown>>(worker)
  let open = 0
  const end = watchEnd(worker, name, () => open > 0)
  const call =
    (method: string) =>
    async (...args: unknown[]): Promise<unknown> => {
      open += 1
      try {
        const sent = args.map((arg) =>
          typeof arg === 'function' ? proxy(arg as (...values: unknown[]) => unknown) : arg,
        )
        // A worker that ends before its first sign of life is only missed by the clock.
        await Promise.race([end.alive, end.crashed])
        return await Promise.race([remote[method]?.(...sent), end.crashed])
      } catch (thrown) {
        throw reviveError(thrown)
      } finally {
        open -= 1
      }
    }
  const api = new Proxy(
    {},
    { get: (_, method) => (typeof method === 'string' && method !== 'then' ? call(method) : undefined) },
  ) as Api
  return {
    api,
    get dead() {
      return end.dead
    },
    end() {
      worker.terminate()
      end.fail(new SpqrError('ABORTED', `${name} was ended.`))
    },
  }
}
