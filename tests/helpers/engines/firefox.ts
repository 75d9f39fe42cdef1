/** Firefox over WebDriver BiDi, which it speaks itself: https://www.w3.org/TR/webdriver-bidi/ */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { Program, callOf, firstOf, resultOf, type DrivenBrowser } from './driven'

export const findFirefox = (): string | undefined =>
  firstOf([
    process.env.FIREFOX_PATH,
    '/usr/bin/firefox-esr',
    '/usr/bin/firefox',
    '/Applications/Firefox.app/Contents/MacOS/firefox',
  ])

interface Reply {
  id?: number
  result?: unknown
  error?: string
  message?: string
}

/** One connection: commands and their results. */
class Bidi {
  readonly #socket: WebSocket
  readonly #open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #last = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data: Buffer) => {
      const { id, result, error, message } = JSON.parse(data.toString()) as Reply
      const waiting = this.#open.get(id ?? -1)
      if (!waiting) return
      this.#open.delete(id ?? -1)
      if (error === undefined) waiting.resolve(result)
      else waiting.reject(new Error(`${error}: ${message}`))
    })
    socket.on('close', () => {
      for (const { reject } of this.#open.values()) reject(new Error('Firefox closed the connection.'))
    })
  }

  static connect(address: string): Promise<Bidi> {
    const socket = new WebSocket(address)
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(new Bidi(socket)))
      socket.once('error', reject)
    })
  }

  send<T>(method: string, params: unknown): Promise<T> {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve: (value) => resolve(value as T), reject })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }

  close(): void {
    this.#socket.close()
  }
}

/** Starts Firefox with a profile of its own. */
export async function startFirefox(path: string): Promise<DrivenBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'spqr-firefox-'))
  const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank']
  const program = new Program(path, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const bidi = await Bidi.connect(`${await program.said(2, /WebDriver BiDi listening on (\S+)/)}/session`)
  const session = await bidi.send<{ capabilities: { browserVersion: string } }>('session.new', { capabilities: {} })
  const { contexts } = await bidi.send<{ contexts: { context: string }[] }>('browsingContext.getTree', {})
  const context = contexts[0]?.context
  const navigate = (url: string) => bidi.send('browsingContext.navigate', { context, url, wait: 'complete' })
  return {
    name: `Firefox ${session.capabilities.browserVersion}`,
    async goto(url) {
      await navigate('about:blank')
      await navigate(url)
    },
    async evaluate<T, A>(work: (given: A) => T | Promise<T>, given?: A) {
      const { result, exceptionDetails } = await bidi.send<{
        result?: { value: string }
        exceptionDetails?: { text: string }
      }>('script.evaluate', { expression: callOf(work, given), target: { context }, awaitPromise: true })
      if (!result) throw new Error(exceptionDetails?.text)
      return resultOf<T>(result.value)
    },
    async screenshot() {
      const { data } = await bidi.send<{ data: string }>('browsingContext.captureScreenshot', { context })
      return Buffer.from(data, 'base64')
    },
    async close() {
      bidi.close()
      await program.end()
      rmSync(profile, { recursive: true, force: true })
    },
  }
}
