/**
 * Faults injected into the real page in mid-run, from a fixed list of places: the run goes on, or is gone on with, and
 * its Report is byte for byte that of a run without faults.
 */
import { expect, test, type Browser, type BrowserContext, type Page } from '@playwright/test'
import type { Report } from '../../src/core/contracts'
import type { ScriptProgress, SpqrScript } from '../../src/evaluation/run/runApi'

const BASE = { preset: 'custom', n: '4', 'n-benign': '4', steps: '2', batch: '2', ep: 'wasm', threads: '1' }

interface Faulty {
  spqr: SpqrScript
  workers: { name: string; worker: Worker }[]
  heard: string[]
  inject?: (progress: ScriptProgress) => void
}

/** Remembers the page's workers, so that they can be ended from outside, which fires no event in the page. */
function watchWorkers(): void {
  const scope = globalThis as unknown as Faulty
  scope.workers = []
  scope.heard = []
  globalThis.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options)
      scope.workers.push({ name: options?.name ?? '', worker: this })
    }
  }
}

async function open(browser: Browser, baseURL: string | undefined): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ baseURL })
  await context.addInitScript(watchWorkers)
  const page = await context.newPage()
  await goTo(page)
  return { context, page }
}
async function goTo(page: Page): Promise<void> {
  await page.goto('./')
  await page.waitForFunction(() => 'spqr' in globalThis)
}

/** A run in the page; everything it says is heard. */
const evaluate = (page: Page, parameters: Record<string, string>): Promise<Report> =>
  page.evaluate((given) => {
    const scope = globalThis as unknown as Faulty
    return scope.spqr.evaluate(given, (progress) => {
      if (progress.message !== null) scope.heard.push(progress.message)
      scope.inject?.(progress)
    })
  }, parameters)
const heard = (page: Page) => page.evaluate(() => (globalThis as unknown as Faulty).heard.join('\n'))

/** Once `done` pictures are made, or `message` is said, ends the newest worker of a name. */
const killWhen = (page: Page, name: string, when: { done?: number; message?: string }) =>
  page.evaluate(
    ([wanted, { done, message }]) => {
      const scope = globalThis as unknown as Faulty
      scope.inject = (progress) => {
        const due =
          message === undefined ? (progress.progress?.done ?? -1) >= (done ?? 0) : progress.message?.includes(message)
        if (!due) return
        delete scope.inject
        scope.workers.findLast((one) => one.name === wanted)?.worker.terminate()
      }
    },
    [name, when] as const,
  )

/** What two runs of one specification must share, to the last byte. */
const bytesOf = ({ record, ...report }: Report): string => {
  const same = { createdAt: '', timings: null, environment: null }
  return JSON.stringify({ ...report, ...same, record: { ...record, ...same } })
}
const sameBytes = (one: Report, other: Report) => bytesOf(one) === bytesOf(other)

let whole: Report
test.beforeAll(async ({ browser, baseURL }) => {
  const { context, page } = await open(browser, baseURL)
  whole = await evaluate(page, BASE)
  await context.close()
})

test('an engine that ends without an event, while it loads and after 0, 5 and 11 pictures', async ({
  browser,
  baseURL,
}) => {
  for (const when of [{ message: 'download' }, { done: 0 }, { done: 5 }, { done: 11 }]) {
    const { context, page } = await open(browser, baseURL)
    await killWhen(page, 'engine', when)
    expect(sameBytes(await evaluate(page, BASE), whole), JSON.stringify(when)).toBe(true)
    if (when.done !== undefined) expect(await heard(page)).toContain('The engine is started again')
    await context.close()
  }
})
