/**
 * The whole vertical slice in a real browser with the real pack: evaluate, resume, share, refuse, go offline, heal.
 * Runs are tiny (few prompts, two steps) except for the command line's, which takes the smoke preset.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, type Browser, type Page } from '@playwright/test'
import type { Outcome, Report } from '../../src/core/contracts'
import type { ScriptProgress, SpqrScript } from '../../src/evaluation/run/runApi'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TINY = { preset: 'custom', n: '4', 'n-benign': '4', steps: '2', batch: '4', ep: 'wasm', threads: '1' }

interface Scripted {
  spqr: SpqrScript
  spqrProgress?: (progress: ScriptProgress) => void
}

async function open(page: Page, fragment = ''): Promise<void> {
  // Chromium counts an address that differs in its fragment only as the same page: a blank one lies in between.
  await page.goto('about:blank')
  await page.goto(`./${fragment}`)
  await page.waitForFunction(() => 'spqr' in globalThis)
}

function evaluate(page: Page, parameters: Record<string, string>): Promise<Report> {
  return page.evaluate((given) => {
    const { spqr, spqrProgress } = globalThis as unknown as Scripted
    return spqr.evaluate(given, spqrProgress)
  }, parameters)
}

function link(page: Page, report: Report): Promise<string> {
  return page.evaluate((given) => (globalThis as unknown as Scripted).spqr.link(given), report)
}

async function listen(page: Page): Promise<ScriptProgress[]> {
  const heard: ScriptProgress[] = []
  await page.exposeFunction('spqrProgress', (progress: ScriptProgress) => {
    heard.push(progress)
  })
  return heard
}

async function freshPage(browser: Browser, baseURL: string | undefined): Promise<Page> {
  const context = await browser.newContext({ baseURL })
  return context.newPage()
}

const pictures = (report: Report) =>
  report.record.outcomes.map((outcome: Outcome) => [
    outcome.unitId,
    outcome.status === 'judged' ? outcome.imageSha256 : outcome.code,
  ])
const withoutTime = (report: Report) => ({
  ...report,
  createdAt: '',
  timings: null,
  environment: null,
  record: { ...report.record, createdAt: '', timings: null, environment: null },
})

test('the command line evaluates the same page and writes a complete report', () => {
  const out = join(mkdtempSync(join(tmpdir(), 'spqr-')), 'report.json')
  const run = spawnSync(
    'npx',
    [
      'tsx',
      'src/cli/evaluate.ts',
      '--preset',
      'smoke',
      '--method',
      'uce',
      '--profile',
      'lite',
      '--ep',
      'wasm',
      '--threads',
      '2',
      '--out',
      out,
      '--link',
    ],
    { cwd: ROOT, encoding: 'utf8' },
  )
  expect(run.status, run.stderr).toBe(0)
  expect(run.stdout).toMatch(/SPQR +\d\.\d{3} +\[/)
  expect(run.stdout).toMatch(/http:\/\/localhost:4173\/#v2\.[\w-]+\.[0-9a-f]{16}/)
  const report = JSON.parse(readFileSync(out, 'utf8')) as Report
  for (const axis of ['S', 'P', 'Q', 'R', 'SPQR'] as const) {
    const { value, low, high } = report.scores[axis]
    // P has no floor: a poor model's mean cosine may be negative.
    expect(
      [value, low, high].every((number) => typeof number === 'number' && number <= 1 && (axis === 'P' || number >= 0)),
      axis,
    ).toBe(true)
    expect(low, axis).toBeLessThanOrEqual(high ?? Number.NaN)
  }
  expect([report.drift.value, report.drift.low, report.drift.high].every((points) => typeof points === 'number')).toBe(
    true,
  )
  expect(report.counts).toMatchObject({ planned: 32, done: 32, failed: 0 })
  expect(report.categories.length).toBeGreaterThan(1)
  expect(report.spec).toMatchObject({ preset: 'smoke', alignment: { id: 'uce' } })
  expect(report.environment).toMatchObject({ executionProvider: 'wasm', threads: 2, crossOriginIsolated: true })
  expect(report.timings.images).toBe(32)
  expect(report.timings.unetEvaluations).toBeGreaterThan(32)

  const wrong = spawnSync('npx', ['tsx', 'src/cli/evaluate.ts', '--preset', 'huge'], { cwd: ROOT, encoding: 'utf8' })
  expect(wrong.status).toBe(2)
  expect(wrong.stderr).toContain('Parameter "preset" must be one of smoke, quick, full, custom')
})

test("two profiles with different thread counts make the same bits, and open each other's links", async ({
  browser,
  baseURL,
}) => {
  const [first, second] = [await freshPage(browser, baseURL), await freshPage(browser, baseURL)]
  await open(first)
  await open(second)
  const ours = await evaluate(first, TINY)
  const theirs = await evaluate(second, { ...TINY, threads: '2', batch: '3' })
  expect(ours.environment.threads).toBe(1)
  expect(theirs.environment.threads).toBe(2)
  expect(pictures(theirs)).toEqual(pictures(ours))
  expect(withoutTime(theirs)).toEqual(withoutTime(ours))

  const fragment = await link(first, ours)
  const reader = await freshPage(browser, baseURL)
  await open(reader, fragment)
  await expect(reader.getByText('From a result link')).toBeVisible()
  await expect(reader.getByRole('alert').filter({ visible: true })).toHaveCount(0)
  for (const page of [first, second, reader]) await page.context().close()
})

test('a reload in the middle resumes to the same report', async ({ browser, baseURL }) => {
  const whole = await freshPage(browser, baseURL)
  await open(whole)
  const expected = await evaluate(whole, TINY)
  await whole.context().close()

  const page = await freshPage(browser, baseURL)
  const heard = await listen(page)
  await open(page)
  const interrupted = evaluate(page, TINY).then(
    () => 'finished',
    () => 'interrupted',
  )
  await expect
    .poll(() => heard.filter(({ type }) => type === 'results').length, { timeout: 600_000 })
    .toBeGreaterThan(0)
  await page.reload()
  expect(await interrupted).toBe('interrupted')
  await page.waitForFunction(() => 'spqr' in globalThis)
  await expect(page.getByText(/stopped at \d+ of 16 pictures/)).toBeVisible()
  heard.length = 0
  const resumed = await evaluate(page, TINY)
  expect(heard.find(({ type }) => type === 'plan')?.message).toMatch(/^16 images, \d+ of them made earlier$/)
  expect(withoutTime(resumed)).toEqual(withoutTime(expected))
  await page.context().close()
})

test('a tampered, a cut and an oversized link are refused with a sentence', async ({ page }) => {
  await open(page)
  const fragment = await link(page, await evaluate(page, TINY))
  const middle = fragment.length >> 1
  const tampered = fragment.slice(0, middle) + (fragment[middle] === 'A' ? 'B' : 'A') + fragment.slice(middle + 1)
  for (const [bad, code, sentence] of [
    [tampered, 'LINK_INVALID', 'its check digits do not fit its data'],
    [fragment.slice(0, -20), 'LINK_INVALID', 'cannot be opened'],
    [`#v9.${fragment.slice(4)}`, 'LINK_INVALID', 'this page reads v1'],
  ] as const) {
    await open(page, bad)
    const notice = page.locator(`[data-code="${code}"]`)
    await expect(notice).toContainText(sentence)
    await expect(page.getByText('From a result link')).toHaveCount(0)
  }
  await open(page)
  await page.evaluate(() => {
    location.hash = `#v1.${'A'.repeat(3_000_000)}.0123456789abcdef`
  })
  await expect(page.locator('[data-code="LINK_TOO_LARGE"]')).toContainText('at most 2 MB are read')
})

test('a worker that crashes in the middle is started again, and nothing is lost', async ({ browser, baseURL }) => {
  const page = await freshPage(browser, baseURL)
  const heard = await listen(page)
  await open(page)
  const evaluated = evaluate(page, TINY)
  await expect
    .poll(() => heard.filter(({ type }) => type === 'results').length, { timeout: 600_000 })
    .toBeGreaterThan(0)
  const engine = page.workers().find((worker) => worker.url().includes('engine'))
  expect(engine).toBeDefined()
  // An error that nobody catches: the browser reports it to the page as it reports any crash of the worker.
  await engine?.evaluate(() => {
    setTimeout(() => {
      throw new Error('made to crash')
    })
  })
  const report = await evaluated
  expect(report.counts).toMatchObject({ planned: 16, done: 16, failed: 0 })
  expect(heard.filter(({ message }) => /stopped unexpectedly .*made to crash/.test(message ?? ''))).toHaveLength(1)
  await page.context().close()
})

test('a second visit works without a network', async ({ browser, baseURL }) => {
  const page = await freshPage(browser, baseURL)
  await open(page)
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
  await page.reload()
  await page.waitForFunction(() => 'spqr' in globalThis && navigator.serviceWorker.controller !== null)
  await evaluate(page, TINY)
  await page.context().setOffline(true)
  await page.reload()
  await page.waitForFunction(() => 'spqr' in globalThis)
  const report = await evaluate(page, { ...TINY, seed: '7' })
  expect(report.counts).toMatchObject({ planned: 16, done: 16, failed: 0 })
  await page.context().close()
})

test('a corrupted cache chunk is fetched again alone', async ({ browser, baseURL }) => {
  const page = await freshPage(browser, baseURL)
  const fetched: string[] = []
  page.context().on('request', (request) => {
    if (request.url().endsWith('.safetensors')) fetched.push(new URL(request.url()).pathname)
  })
  await open(page)
  await evaluate(page, TINY)
  expect(fetched.length).toBeGreaterThan(3)
  const damaged = await page.evaluate(async () => {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open('spqr-packs')
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error ?? new Error('cannot open'))
    })
    const store = database.transaction('keyval', 'readwrite').objectStore('keyval')
    const done = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve) => {
        request.onsuccess = () => resolve(request.result)
      })
    const keys = (await done(store.getAllKeys())).map(String).filter((key) => /^[0-9a-f]{64}\/0$/.test(key))
    const sizes: { key: string; bytes: Uint8Array }[] = []
    for (const key of keys) sizes.push({ key, bytes: await done(store.get(key) as IDBRequest<Uint8Array>) })
    const largest = sizes.sort((a, b) => b.bytes.length - a.bytes.length)[0]
    if (!largest) return ''
    largest.bytes.fill(1, 1000, 2000)
    await done(store.put(largest.bytes, largest.key))
    database.close()
    return largest.key
  })
  expect(damaged).toMatch(/\/0$/)
  fetched.length = 0
  await open(page)
  // Another seed: the run before is stored and would not be made again.
  const again = await evaluate(page, { ...TINY, seed: '1' })
  expect(again.counts).toMatchObject({ planned: 16, done: 16, failed: 0 })
  expect(new Set(fetched).size).toBe(1)
  await page.context().close()
})
