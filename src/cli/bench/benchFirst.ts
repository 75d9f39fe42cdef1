/**
 * What a visitor waits for, cold and warm, on a line of 10 Mbit/s with a processor four times slower: seconds until the
 * page can be used, from the button to the first picture that was made here, and to the first finding ("So far: …").
 * The line is slowed for everything that goes over it, workers and service worker included; the processor by halting the
 * page's processes for three quarters of the time, since the browser's own throttle leaves workers as fast as they are.
 * Before that, the same on this machine as it is (benchPress).
 */
import { createServer, connect, type AddressInfo } from 'node:net'
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright'
import { SpqrError } from '../../core/contracts'
import { benchPress, firstFinding, firstJudged, pressLines, withoutGuess, type PressBench } from './benchPress'

const BITS_PER_SECOND = 10e6
const SLOWDOWN = 4
/** Of one round of halting and going on, ms: short beside what is measured. */
const ROUND = 20
const WAIT = 600_000

export interface Waits {
  /** From the address to a button that can be pressed. */
  pageSeconds: number
  /** From the button to the first picture made here, and to the first count of all three stages. */
  pictureSeconds: number
  findingSeconds: number
  /** Bytes over the line until each of them, headers included. */
  pageBytes: number
  pictureBytes: number
  findingBytes: number
}
export interface FirstBench {
  bitsPerSecond: number
  /** As measured in the page: how much longer the same work takes. */
  slowdown: number
  /** On this machine as it is. */
  press: PressBench
  cold: Waits
  warm: Waits
}

/** A slow line, and the bytes that have come over it. */
interface Line {
  url: string
  bytes(): number
  close(): void
}

/** A copy of a server behind a slow line: every byte of an answer waits for those before it. */
async function slowLine(url: string): Promise<Line> {
  const { hostname, port } = new URL(url)
  let free = 0
  let bytes = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    const end = (): void => {
      client.destroy()
      upstream.destroy()
    }
    client.on('error', end).on('close', end).pipe(upstream)
    upstream.on('error', end).on('end', () => setTimeout(() => client.end(), Math.max(0, free - performance.now())))
    upstream.on('data', (piece) => {
      upstream.pause()
      free = Math.max(free, performance.now()) + (8000 * piece.length) / BITS_PER_SECOND
      setTimeout(() => {
        bytes += piece.length
        if (!client.destroyed) client.write(piece)
        upstream.resume()
      }, free - performance.now())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${address.port}/`, bytes: () => bytes, close: () => server.close() }
}

function signal(pids: ReadonlySet<number>, name: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // It ended since it was listed.
    }
  }
}

/** Lets the browser's page processes run for a quarter of the time. Returns what ends that. */
async function slowProcessor(session: CDPSession): Promise<() => void> {
  const pids = new Set<number>()
  const list = async (): Promise<void> => {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo')
    for (const { type, id } of processInfo) if (type === 'renderer') pids.add(id)
  }
  await list()
  const listing = setInterval(() => void list().catch(() => undefined), 250)
  const rounds = setInterval(() => {
    signal(pids, 'SIGCONT')
    setTimeout(() => signal(pids, 'SIGSTOP'), ROUND / SLOWDOWN)
  }, ROUND)
  return () => {
    clearInterval(listing)
    clearInterval(rounds)
    setTimeout(() => signal(pids, 'SIGCONT'), ROUND)
    signal(pids, 'SIGCONT')
  }
}

/** Seconds that a fixed piece of work takes in a page. Text, as the page is to get exactly this. */
const piece = (page: Page): Promise<number> =>
  page.evaluate<number>(`(() => {
    const begun = performance.now()
    let x = 1
    for (let i = 0; i < 1e8; i++) x = (x * 16807) % 2147483647
    return x > 0 ? (performance.now() - begun) / 1000 : 0
  })()`)

/** Presses Run on a fresh page and notes, in the page, when pictures and the finding come. */
async function visit(context: BrowserContext, line: Line, query: string): Promise<Waits> {
  const page = await context.newPage()
  const before = line.bytes()
  const travelled = (): number => line.bytes() - before
  const opened = performance.now()
  await page.goto(line.url + query)
  const button = page.getByRole('button', { name: /^Run / })
  await button.waitFor({ timeout: WAIT })
  const pageSeconds = (performance.now() - opened) / 1000
  const pageBytes = travelled()
  await button.click()
  const pressed = performance.now()
  const since = (): number => (performance.now() - pressed) / 1000
  await firstJudged(page)
  const pictureSeconds = since()
  const pictureBytes = travelled()
  await firstFinding(page)
  const findingSeconds = since()
  const findingBytes = travelled()
  await page.close()
  return { pageSeconds, pictureSeconds, findingSeconds, pageBytes, pictureBytes, findingBytes }
}

/**
 * @param url the page as it is served on this machine
 * @throws {SpqrError} BAD_INPUT where processes cannot be halted
 */
export async function benchFirst(browser: Browser | null, url: string): Promise<FirstBench> {
  if (!browser) throw new SpqrError('UNEXPECTED', 'The browser has ended.')
  if (process.platform === 'win32')
    throw new SpqrError('BAD_INPUT', 'A slower processor cannot be measured on Windows.', 'Use Linux or macOS.')
  const press = await benchPress(browser, url)
  const line = await slowLine(url)
  const context = await browser.newContext()
  await withoutGuess(context)
  const blank = await context.newPage()
  const usual = await piece(blank)
  const restore = await slowProcessor(await browser.newBrowserCDPSession())
  try {
    const slowdown = (await piece(blank)) / usual
    await blank.close()
    const cold = await visit(context, line, '')
    // Pictures of the same seed are kept, and would not be made again.
    const warm = await visit(context, line, '?seed=2')
    return { bitsPerSecond: BITS_PER_SECOND, slowdown, press, cold, warm }
  } finally {
    restore()
    await context.close()
    line.close()
  }
}

export function firstLines({ bitsPerSecond, slowdown, press, cold, warm }: FirstBench): string[] {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
  const row = (name: string, waits: Waits): string =>
    `${name}: page in ${waits.pageSeconds.toFixed(1)} s (${megabytes(waits.pageBytes)}); from the button ${waits.pictureSeconds.toFixed(1)} s to the first picture (${megabytes(waits.pictureBytes)} in all), ${waits.findingSeconds.toFixed(1)} s to the first finding (${megabytes(waits.findingBytes)})`
  const on = `${bitsPerSecond / 1e6} Mbit/s, processor ${slowdown.toFixed(1)} × slower`
  return [...pressLines(press), row(`cold, ${on}`, cold), row(`warm, ${on}`, warm)]
}
