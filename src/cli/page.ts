/** Serves the built page and opens it in a headless Chromium: the same page and workers a person uses. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type BrowserContext, type Page } from 'playwright'
import { preview } from 'vite'
// The same search for a browser serves tests, evaluator and bench.
import { CHROMIUM_ARGS, findChromium } from '../../.config/chromium.mjs'
import { SpqrError, reviveError } from '../core/contracts'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** What the built page is made of; a newer file among them means a new build. */
const SOURCES = ['index.html', 'vite.config.ts', 'package-lock.json', 'workers', 'public', 'src']
/** Inside them, what leaves the page as it is. */
const LEFT_OUT = new Set([join('src', 'cli'), join('public', 'ort')])

function newest(path: string): number {
  const full = join(ROOT, path)
  if (LEFT_OUT.has(path) || !existsSync(full)) return 0
  const { mtimeMs } = statSync(full)
  if (!statSync(full).isDirectory()) return mtimeMs
  return readdirSync(full).reduce((latest, name) => Math.max(latest, newest(join(path, name))), 0)
}

/** Builds `dist` when it is missing or older than its sources. */
export function ensureBuild(): void {
  const built = join(ROOT, 'dist', 'index.html')
  if (existsSync(built) && statSync(built).mtimeMs >= Math.max(...SOURCES.map(newest))) return
  console.error('Building the page …')
  // Its own process, so that what it prints goes beside the result instead of into it.
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js')
  const { status } = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0)
    throw new SpqrError('UNEXPECTED', 'The page could not be built.', 'Run npm run build and look at its output.')
}

export interface ServedPage {
  url: string
  close(): Promise<void>
}

/** Serves `dist` with the headers of vite.config.ts on a free port of this machine. */
export async function serve(): Promise<ServedPage> {
  const server = await preview({ root: ROOT, logLevel: 'warn', preview: { port: 0, host: '127.0.0.1', open: false } })
  const address = server.httpServer.address()
  if (address === null || typeof address === 'string')
    throw new SpqrError('UNEXPECTED', 'The local server has no port.')
  return { url: `http://127.0.0.1:${address.port}/`, close: () => server.close() }
}

export interface OpenBrowser {
  context: BrowserContext
  /** A context whose requests no service worker handles, so that files of a test's own can stand in. */
  plainContext(): Promise<BrowserContext>
  version: string
  close(): Promise<void>
}

/** Starts Chromium with a fresh profile. */
export async function openBrowser(headed: boolean): Promise<OpenBrowser> {
  const browser = await chromium.launch({ executablePath: findChromium(), args: CHROMIUM_ARGS, headless: !headed })
  const context = await browser.newContext()
  return {
    context,
    plainContext: () => browser.newContext({ serviceWorkers: 'block' }),
    version: browser.version(),
    close: () => browser.close(),
  }
}

/** Builds and serves the page and opens a browser while `work` lasts; both end with it, whatever happens. */
export async function withBrowser<T>(
  headed: boolean,
  work: (browser: OpenBrowser, url: string) => Promise<T>,
): Promise<T> {
  ensureBuild()
  const served = await serve()
  try {
    const browser = await openBrowser(headed)
    try {
      return await work(browser, served.url)
    } finally {
      await browser.close()
    }
  } finally {
    await served.close()
  }
}

/** Opens the page and waits for its scripting API. Errors of the page are kept for `problems`. */
export async function openPage(context: BrowserContext, url: string): Promise<{ page: Page; problems: string[] }> {
  const page = await context.newPage()
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  await page.goto(url)
  try {
    await page.waitForFunction('"spqr" in globalThis', null, { timeout: 60_000 })
  } catch {
    throw new SpqrError(
      'UNEXPECTED',
      `The page did not start: ${problems[0] ?? 'its scripting API is missing'}.`,
      'Run npm run build and look at its output.',
    )
  }
  return { page, problems }
}

/**
 * Value of an expression in the page, awaited; what it throws arrives with its code and hint. An expression is text, so
 * that the page gets exactly this, whatever the compiler does to functions here.
 */
export async function inPage<T>(page: Page, expression: string): Promise<T> {
  type Answer = { value: T } | { name: string; message: string }
  const answer = await page.evaluate<Answer>(`(async () => {
    try { return { value: await (${expression}) } } catch (error) { return { name: String(error?.name), message: String(error?.message ?? error) } }
  })()`)
  if ('value' in answer) return answer.value
  throw reviveError(Object.assign(new Error(answer.message), { name: answer.name }))
}
