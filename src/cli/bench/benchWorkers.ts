/** Throughput against the number of workers on one machine: shards of one run side by side, each in a warm page of its own. */
import { cpus } from 'node:os'
import type { ShardFile } from '../../core/contracts'
import { inPage, openBrowser, openPage, type OpenBrowser } from '../page'

export interface WorkersResult {
  workers: number
  images: number
  seconds: number
  imagesPerSecond: number
  /** Images per second over those of one worker; as many as there are workers at best. */
  ratio: number
}

/** One thread each, so that workers and not their threads share the cores. */
const SHARED = { preset: 'custom', n: '8', 'n-benign': '8', ep: 'wasm', threads: '1' }

/** A worker's page that has loaded the model and made a picture of each stage. */
async function warmPage(browser: OpenBrowser, url: string, parameters: Record<string, string>) {
  const { page } = await openPage(browser.context, url)
  await inPage(
    page,
    `globalThis.spqr.evaluate(${JSON.stringify({ ...parameters, n: '1', 'n-benign': '1', seed: '90' })})`,
  )
  return page
}

/** With 1, 2, … workers up to the number of cores, three at most. */
export async function benchWorkers(url: string, given: Record<string, string>): Promise<WorkersResult[]> {
  const parameters = { ...given, ...SHARED }
  const results: WorkersResult[] = []
  const most = Math.min(3, Math.max(2, cpus().length))
  for (let workers = 1; workers <= most; workers++) {
    const browsers = await Promise.all(Array.from({ length: workers }, () => openBrowser(false)))
    try {
      const pages = await Promise.all(browsers.map((browser) => warmPage(browser, url, parameters)))
      const begun = performance.now()
      const files = await Promise.all(
        pages.map((page, index) =>
          inPage<ShardFile>(
            page,
            `globalThis.spqr.evaluateShard(${JSON.stringify({ ...parameters, seed: '91' })}, ${JSON.stringify({ index, count: workers })})`,
          ),
        ),
      )
      const seconds = (performance.now() - begun) / 1000
      // Canaries are made by all of them and count once.
      const images = files.reduce((sum, { record }) => sum + record.outcomes.length, 0)
      const imagesPerSecond = images / seconds
      results.push({
        workers,
        images,
        seconds,
        imagesPerSecond,
        ratio: imagesPerSecond / (results[0]?.imagesPerSecond ?? imagesPerSecond),
      })
    } finally {
      await Promise.all(browsers.map((browser) => browser.close()))
    }
  }
  return results
}

export const workersLine = (results: readonly WorkersResult[]): string =>
  `workers on ${cpus().length} cores, one thread each: ${results.map(({ workers, ratio, imagesPerSecond }) => `${workers}: ${imagesPerSecond.toFixed(2)} images/s (${ratio.toFixed(2)} times one)`).join(', ')}`
