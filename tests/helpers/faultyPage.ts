/** The real page under faults: its workers are remembered and can be ended, and Reports are compared byte for byte. */
import type { Page } from '@playwright/test'
import type { Report } from '../../src/core/contracts'
import type { ScriptProgress, SpqrScript } from '../../src/evaluation/run/runApi'

export const BASE = { preset: 'custom', n: '4', 'n-benign': '4', steps: '2', batch: '2', ep: 'wasm', threads: '1' }

/** Where runs and the checkpoints of trainings are stored. */
const RUNS = ['spqr-runs', 'spqr-checkpoints']

export interface Faulty {
  spqr: SpqrScript
  workers: { name: string; worker: Worker }[]
  heard: string[]
  inject?: (progress: ScriptProgress) => void
}

/** Remembers the page's workers, so that they can be ended from outside, which fires no event in the page. */
export function watchWorkers(): void {
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

/**
 * A page on which nothing of a run is stored; the model is, so that the faults come where they are meant to, and soon.
 * A fault is met by every page of the context alike.
 */
export async function fresh(page: Page): Promise<Page> {
  await goTo(page)
  await page.evaluate(async (names) => {
    for (const name of names)
      await new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase(name)
        request.onsuccess = resolve
        request.onerror = () => reject(new Error(`"${name}" is still there.`))
      })
  }, RUNS)
  await goTo(page)
  return page
}
export async function goTo(page: Page): Promise<void> {
  await page.goto('about:blank')
  await page.goto('./')
  await page.waitForFunction(() => 'spqr' in globalThis)
}

/** A run in the page; everything it says is heard. */
export const evaluate = (page: Page, parameters: Record<string, string>): Promise<Report> =>
  page.evaluate((given) => {
    const scope = globalThis as unknown as Faulty
    return scope.spqr.evaluate(given, (progress) => {
      if (progress.message !== null) scope.heard.push(progress.message)
      scope.inject?.(progress)
    })
  }, parameters)
export const heard = (page: Page) => page.evaluate(() => (globalThis as unknown as Faulty).heard.join('\n'))

/** Once `done` pictures are made, or `message` is said, ends the newest worker of a name. */
export const killWhen = (page: Page, name: string, when: { done?: number; message?: string }) =>
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

/** What two runs of one specification must share, to the last byte; what was stored has its keys in another order. */
const bytesOf = ({ record, ...report }: Report): string => {
  const same = { createdAt: '', timings: null, environment: null }
  const sorted = (_: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value
  return JSON.stringify({ ...report, ...same, record: { ...record, ...same } }, sorted)
}
export const sameBytes = (one: Report, other: Report) => bytesOf(one) === bytesOf(other)
