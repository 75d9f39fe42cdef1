/** A typed API behind a worker: callbacks are proxied, errors come back as SpqrError, a crash ends every open call. */
import { proxy, wrap } from 'comlink'
import { SpqrError, reviveError } from '../../core/contracts'

export interface Connection<Api> {
  api: Api
  /** It crashed or was ended: another call would meet the same error, so a new worker is needed. */
  readonly dead: boolean
  /** Ends the worker and whatever it was doing. */
  end(): void
}

/** @param name what the worker is to the reader, such as "the engine" */
export function connect<Api extends object>(worker: Worker, name: string): Connection<Api> {
  const remote = wrap<Record<string, (...args: unknown[]) => unknown>>(worker)
  let dead = false
  let fail: (error: SpqrError) => void = () => undefined
  const crashed = new Promise<never>((_, reject) => {
    fail = (error) => {
      dead = true
      reject(error)
    }
  })
  // Nobody may be calling when it happens; the next call then meets the same error.
  crashed.catch(() => undefined)
  worker.addEventListener('error', ({ message }) => {
    fail(
      new SpqrError(
        'WORKER_CRASHED',
        `${name} stopped unexpectedly${message ? ` (${message})` : ''}.`,
        'Everything made so far is kept: press Run to go on. If it happens again, reload the page.',
      ),
    )
  })
  worker.addEventListener('messageerror', () => {
    fail(new SpqrError('WORKER_CRASHED', `${name} sent something that cannot be read.`, 'Reload the page.'))
  })
  const call =
    (method: string) =>
    async (...args: unknown[]): Promise<unknown> => {
      try {
        const sent = args.map((arg) =>
          typeof arg === 'function' ? proxy(arg as (...values: unknown[]) => unknown) : arg,
        )
        return await Promise.race([remote[method]?.(...sent), crashed])
      } catch (thrown) {
        throw reviveError(thrown)
      }
    }
  const api = new Proxy(
    {},
    { get: (_, method) => (typeof method === 'string' && method !== 'then' ? call(method) : undefined) },
  ) as Api
  return {
    api,
    get dead() {
      return dead
    },
    end() {
      worker.terminate()
      fail(new SpqrError('ABORTED', `${name} was ended.`))
    },
  }
}
