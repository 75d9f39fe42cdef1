/**
 * The whole vertical slice in a real browser with the real pack: evaluate, share, refuse, heal, go offline. What befalls a
 * run in its middle is in faults.spec.ts.
 * Runs are tiny (few prompts, two steps) except for the command line's, which takes the smoke preset.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, type Page } from '@playwright/test'
import type { Outcome, Report } from '../../src/core/contracts'
import type { SpqrScript } from '../../src/evaluation/run/runApi'
import { freshPage, open } from '../helpers/pageJourney'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** A result link as a run gave it. */
const fragment = readFileSync(join(ROOT, 'tests/fixtures/link-v2/demo.link.txt'), 'utf8').trim()
const TINY = { preset: 'custom', n: '4', 'n-benign': '4', steps: '2', batch: '4', ep: 'wasm', threads: '1' }

interface Scripted {
  spqr: SpqrScript
}

function evaluate(page: Page, parameters: Record<string, string>): Promise<Report> {
  return page.evaluate((given) => {
    return (globalThis as unknown as Scripted).spqr.evaluate(given)
  }, parameters)
}

function link(page: Page, report: Report): Promise<string> {
  return page.evaluate((given) => (globalThis as unknown as Scripted).spqr.link(given), report)
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

test('a tampered, a cut and an oversized link are refused with a sentence', async ({ page }) => {
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

test('a second visit fetches a damaged chunk again and nothing else, and a third works without a network', async ({
  browser,
  baseURL,
}) => {
  const page = await freshPage(browser, baseURL)
  const fetched: string[] = []
  page.context().on('request', (request) => {
    if (request.url().endsWith('.safetensors')) fetched.push(new URL(request.url()).pathname)
  })
  await open(page)
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
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

  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await page.context().setOffline(true)
  await page.reload()
  await page.waitForFunction(() => 'spqr' in globalThis)
  const offline = await evaluate(page, { ...TINY, seed: '7' })
  expect(offline.counts).toMatchObject({ planned: 16, done: 16, failed: 0 })
  await page.context().close()
})
