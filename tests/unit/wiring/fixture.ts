/** Connections to workers that are objects of the test. */
import { SpqrError } from '../../../src/core/contracts'
import type { Connection } from '../../../src/state/page/connect'

export interface FakeConnection<Api> extends Connection<Api> {
  dead: boolean
}

/** A connection as `connect` makes it: once dead, every call meets the error of a crash. */
export function fakeConnection<Api extends object>(api: Partial<Api>): FakeConnection<Api> {
  const connection: FakeConnection<Api> = {
    dead: false,
    end: () => {
      connection.dead = true
    },
    api: new Proxy(api, {
      get: (methods, name) =>
        connection.dead
          ? () => Promise.reject(new SpqrError('WORKER_CRASHED', 'It stopped unexpectedly.'))
          : Reflect.get(methods, name),
    }) as Api,
  }
  return connection
}

/** Counts what was started; `at(i)` is the i-th connection. */
export function starter<Api extends object>(
  apiOf: (index: number) => Partial<Api>,
): { start: () => FakeConnection<Api>; started: FakeConnection<Api>[]; at(index: number): FakeConnection<Api> } {
  const started: FakeConnection<Api>[] = []
  return {
    started,
    start: () => {
      const connection = fakeConnection(apiOf(started.length))
      started.push(connection)
      return connection
    },
    at: (index) => {
      const connection = started[index]
      if (!connection) throw new Error(`Only ${started.length} were started.`)
      return connection
    },
  }
}
