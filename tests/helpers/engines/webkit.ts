/** WebKitGTK over classic WebDriver, on a screen of its own: https://www.w3.org/TR/webdriver2/ */
import { existsSync, readdirSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { Program, callOf, firstOf, resultOf, type DrivenBrowser } from './driven'

/** A page that runs a whole evaluation before it replies. */
const SCRIPT_MS = 600_000

export interface WebKitPaths {
  driver: string
  browser: string
  /** Absent: there is a screen. */
  screen: string | undefined
}

export function findWebKit(): WebKitPaths | undefined {
  const driver = firstOf([process.env.WEBKIT_DRIVER_PATH, '/usr/bin/WebKitWebDriver'])
  const browser = firstOf(['/usr/lib', ...within('/usr/lib', /-linux-gnu/), '/usr/libexec'].flatMap(miniBrowsers))
  const screen = firstOf(['/usr/bin/Xvfb'])
  return driver && browser && (screen ?? process.env.DISPLAY) ? { driver, browser, screen } : undefined
}

const within = (folder: string, name: RegExp): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((entry) => name.test(entry))
        .map((entry) => `${folder}/${entry}`)
    : []
const miniBrowsers = (folder: string): string[] =>
  within(folder, /^webkit2gtk-4/).map((version) => `${version}/MiniBrowser`)

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** @throws Error the driver's own */
async function command<T>(url: string, body?: unknown, method = body === undefined ? 'GET' : 'POST'): Promise<T> {
  const response = await fetch(url, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const { value } = (await response.json()) as { value: T & { error?: string; message?: string } }
  if (!response.ok) throw new Error(`${value.error}: ${value.message}`)
  return value
}

/** The driver says nothing when it listens: it is asked until it replies. */
async function ready(base: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await command(`${base}/status`)
      return
    } catch (error) {
      if (tries === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

/** Starts the driver, which starts the browser. */
export async function startWebKit({ driver, browser, screen }: WebKitPaths): Promise<DrivenBrowser> {
  const programs: Program[] = []
  const end = async () => {
    for (const program of programs.reverse()) await program.end()
  }
  try {
    let display = process.env.DISPLAY
    if (screen) {
      const args = ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp']
      const shown = new Program(screen, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
      programs.push(shown)
      display = `:${await shown.said(3, /^(\d+)/)}`
    }
    const port = await freePort()
    const env = { ...process.env, DISPLAY: display }
    programs.push(new Program(driver, [`--port=${port}`, '--host=127.0.0.1'], { stdio: 'ignore', env }))
    const base = `http://127.0.0.1:${port}`
    await ready(base)
    const options = { binary: browser, args: ['--automation'] }
    const { sessionId, capabilities } = await command<{ sessionId: string; capabilities: { browserVersion: string } }>(
      `${base}/session`,
      { capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': options } } },
    )
    return session(`${base}/session/${sessionId}`, capabilities.browserVersion, end)
  } catch (error) {
    await end()
    throw error
  }
}

async function session(address: string, version: string, end: () => Promise<void>): Promise<DrivenBrowser> {
  await command(`${address}/timeouts`, { script: SCRIPT_MS })
  return {
    name: `WebKitGTK ${version}`,
    async goto(url) {
      await command(`${address}/url`, { url: 'about:blank' })
      await command(`${address}/url`, { url })
    },
    async evaluate<T, A>(work: (given: A) => T | Promise<T>, given?: A) {
      const script = `${callOf(work, given)}.then(arguments[0])`
      return resultOf<T>(await command<string>(`${address}/execute/async`, { script, args: [] }))
    },
    screenshot: async () => Buffer.from(await command<string>(`${address}/screenshot`), 'base64'),
    async close() {
      await command(address, undefined, 'DELETE')
      await end()
    },
  }
}
