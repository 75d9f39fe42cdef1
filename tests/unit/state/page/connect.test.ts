import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { expose, type Endpoint } from 'comlink'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { SpqrError } from '../../../../src/core/contracts'
import { connect } from '../../../../src/state/page/connect'

interface Api {
  double(value: number): Promise<number>
  count(to: number, tell: (value: number) => void): Promise<void>
  refuse(): Promise<never>
  hang(): Promise<never>
}
const api = {
  double: (value: number) => 2 * value,
  count: async (to: number, tell: (value: number) => Promise<void>) => {
    for (let value = 1; value <= to; value += 1) await tell(value)
  },
  refuse: () => {
    throw new SpqrError('BAD_INPUT', 'Not that.', 'Try this.')
  },
  hang: () => new Promise<never>(() => undefined),
}

/** A worker's page side over a message channel; `fire` stands in for the browser's error event. */
class FakeWorker extends EventTarget {
  readonly port: MessagePort
  readonly far: MessagePort
  ended = false
  constructor() {
    super()
    const { port1, port2 } = new MessageChannel()
    this.port = port1
    this.far = port2
    expose(api, port2 as unknown as Endpoint)
    port1.on('message', (data) => this.dispatchEvent(new MessageEvent('message', { data })))
    port2.postMessage({ life: null })
  }
  postMessage(data: unknown, transfer: MessagePort[] = []): void {
    this.port.postMessage(data, transfer)
  }
  terminate(): void {
    this.ended = true
    this.port.close()
    this.far.close()
  }
  fire(type: string, facts: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(type), facts))
  }
}

let page = new EventTarget()
beforeEach(() => {
  page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
})

const workers: FakeWorker[] = []
function open() {
  const worker = new FakeWorker()
  workers.push(worker)
  return { worker, connection: connect<Api>(worker as unknown as Worker, 'The engine') }
}
afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate()
})

describe('a worker behind its typed API', () => {
  test('answers, calls back, and refuses with the code and the next step', async () => {
    const { connection } = open()
    expect(await connection.api.double(21)).toBe(42)
    const heard: number[] = []
    await connection.api.count(3, (value) => {
      heard.push(value)
    })
    expect(heard).toEqual([1, 2, 3])
    await expect(connection.api.refuse()).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: 'Not that.',
      hint: 'Try this.',
    })
    expect(connection.dead).toBe(false)
  })
  test('that crashes ends every open call and the next one with one sentence', async () => {
    const { worker, connection } = open()
    const waiting = connection.api.hang()
    worker.fire('error', { message: 'out of memory' })
    const crashed = {
      code: 'WORKER_CRASHED',
      message: 'The engine stopped unexpectedly (out of memory).',
      hint: expect.stringContaining('Everything made so far is kept') as unknown,
    }
    await expect(waiting).rejects.toMatchObject(crashed)
    await expect(connection.api.double(1)).rejects.toMatchObject(crashed)
    expect(connection.dead).toBe(true)
  })
  test('ends with the page that is left; one that is shown again is told, so that others are started', async () => {
    const { worker, connection } = open()
    await connection.api.double(1)
    const said: string[] = []
    const waiting = connection.api.hang().catch(({ code }: SpqrError) => said.push(code))
    page.dispatchEvent(new Event('pagehide'))
    expect(worker.ended).toBe(true)
    // A page on its way out must not start another worker.
    await new Promise((resolve) => setImmediate(resolve))
    expect([said, connection.dead]).toEqual([[], false])
    page.dispatchEvent(new Event('pageshow'))
    await waiting
    expect([said, connection.dead]).toEqual([['WORKER_CRASHED'], true])
  })
  test('that ended before leaves the page alone', () => {
    const { worker, connection } = open()
    connection.end()
    worker.ended = false
    page.dispatchEvent(new Event('pagehide'))
    expect(worker.ended).toBe(false)
  })
  test('that sends what cannot be read says so', async () => {
    const { worker, connection } = open()
    const waiting = connection.api.hang()
    worker.fire('messageerror')
    await expect(waiting).rejects.toMatchObject({ code: 'WORKER_CRASHED', hint: 'Reload the page.' })
  })
  test('that is ended aborts what it was doing', async () => {
    const { worker, connection } = open()
    const waiting = connection.api.hang()
    connection.end()
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' })
    expect([worker.ended, connection.dead]).toEqual([true, true])
  })
})
