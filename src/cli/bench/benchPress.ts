/**
 * The quick run as a visitor gets it on this machine as it is: seconds from the button, and the tasks that held the main
 * thread for more than 50 ms, as the browser reports them. On a first visit, with everything in the browser and the button
 * pressed as soon as it is there, and pressed once the page has come to rest and loaded the model by itself.
 */
import type { Browser, BrowserContext, Page } from 'playwright'

const WAIT = 600_000

export interface Press {
  /** From the button to the first pictures that are judged, to the first count of all three stages, and to the end. */
  pictureSeconds: number
  findingSeconds: number
  endSeconds: number
  /** Tasks of the main thread over 50 ms from the address to the end, and the longest of them; 0: none. */
  longTasks: number
  longestTaskMs: number
  /** Whether the page had loaded the model by itself; null: the button was pressed at once. */
  warmed: boolean | null
}
export interface PressBench {
  first: Press
  cached: Press
  rested: Press
}

/** Text, as the page is to get exactly this. */
const WATCH = `globalThis.longTasks = []
new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask', buffered: true })`

/** Whether the page has loaded the model by itself, within the time that anything is waited for. */
const RESTED = `new Promise((resolve) => {
  const look = () => performance.getEntriesByName('spqr-warm').length > 0 && resolve(true)
  new PerformanceObserver(look).observe({ type: 'mark', buffered: true })
  setTimeout(resolve, ${WAIT}, false)
})`

/** Until pictures of the run are judged. */
export const firstJudged = (page: Page): Promise<void> =>
  page
    .locator('.progress dd', { hasText: /^\s*[1-9]\d* of \d/ })
    .first()
    .waitFor({ timeout: WAIT })

/** Until what is said of the run so far takes in all three stages. */
export const firstFinding = (page: Page): Promise<void> =>
  page.getByText(/^So far: .* after harmless training/).waitFor({ timeout: WAIT })

/** The guess of a first visit holds the finding back for as long as the reader likes. */
export const withoutGuess = (context: BrowserContext): Promise<unknown> =>
  context.addInitScript("localStorage.setItem('spqr-guess', '\"asked\"')")

async function press(context: BrowserContext, address: string, rest: boolean): Promise<Press> {
  const page = await context.newPage()
  await page.goto(address)
  const button = page.getByRole('button', { name: /^Run / })
  await button.waitFor({ timeout: WAIT })
  const warmed = rest ? await page.evaluate<boolean>(RESTED) : null
  await button.click()
  const pressed = performance.now()
  const since = (): number => (performance.now() - pressed) / 1000
  await firstJudged(page)
  const pictureSeconds = since()
  await firstFinding(page)
  const findingSeconds = since()
  await page.locator('.hero.running').waitFor({ state: 'detached', timeout: WAIT })
  const endSeconds = since()
  const tasks = await page.evaluate<number[]>('longTasks')
  await page.close()
  const waits = { pictureSeconds, findingSeconds, endSeconds }
  return { ...waits, longTasks: tasks.length, longestTaskMs: Math.max(0, ...tasks), warmed }
}

export async function benchPress(browser: Browser, url: string): Promise<PressBench> {
  const context = await browser.newContext()
  await withoutGuess(context)
  await context.addInitScript(WATCH)
  try {
    // Pictures of the same seed are kept, and would not be made again.
    const first = await press(context, url, false)
    const cached = await press(context, `${url}?seed=2`, false)
    const rested = await press(context, `${url}?seed=3`, true)
    return { first, cached, rested }
  } finally {
    await context.close()
  }
}

export function pressLines({ first, cached, rested }: PressBench): string[] {
  const row = (name: string, of: Press): string => {
    const tasks =
      of.longTasks === 0
        ? 'no main-thread task over 50 ms'
        : `${of.longTasks} main-thread ${of.longTasks === 1 ? 'task' : 'tasks'} over 50 ms, the longest ${of.longestTaskMs.toFixed(0)} ms`
    return `${name}: from the button ${of.pictureSeconds.toFixed(1)} s to the first judged pictures, ${of.findingSeconds.toFixed(1)} s to the first finding, ${of.endSeconds.toFixed(1)} s to the end; ${tasks}`
  }
  return [
    row('first visit, this machine as it is', first),
    row('cached, pressed at once', cached),
    row(
      rested.warmed === false
        ? `cached, but not warmed: the page had not loaded the model by itself in ${WAIT / 1000} s`
        : 'cached, pressed at rest',
      rested,
    ),
  ]
}
