/**
 * Faults injected into the real page in mid-run, from a fixed list of places: the run goes on, or is gone on with, and
 * its Report is byte for byte that of a run without faults.
 */
import { expect, test, type BrowserContext, type Page } from '@playwright/test'
import type { Report } from '../../src/core/contracts'
import {
  BASE,
  evaluate,
  fresh,
  goTo,
  heard,
  killWhen,
  sameBytes,
  watchWorkers,
  type Faulty,
} from '../helpers/faultyPage'

const LIVE = { ...BASE, train: 'lite', 'train-steps': '3', 'train-batch': '2', checkpoints: '0,1,3' }

/** Resolves when so many pictures are made. */
const reached = (page: Page, pictures: number): Promise<void> =>
  page.evaluate(
    (count) =>
      new Promise<void>((resolve) => {
        const scope = globalThis as unknown as Faulty
        scope.inject = ({ progress }) => {
          if ((progress?.done ?? 0) >= count) resolve()
        }
      }),
    pictures,
  )

/** Sets the page's clock so many days off, as when a computer learns the true time. */
const jumpClock = (page: Page, days: number): Promise<void> =>
  page.evaluate((off) => {
    const now = Date.now.bind(Date)
    Date.now = () => now() + off * 86_400_000
  }, days)

test.describe.configure({ mode: 'serial' })
let context: BrowserContext
let page: Page
let whole: Report
let trained: Report
test.beforeAll(async ({ browser, baseURL }) => {
  context = await browser.newContext({ baseURL })
  await context.addInitScript(watchWorkers)
  page = await context.newPage()
  await goTo(page)
  whole = await evaluate(page, BASE)
  trained = await evaluate(page, LIVE)
})
test.afterAll(() => context.close())

test('an engine that ends without an event, while it loads and after 0 and 11 pictures', async () => {
  for (const when of [{ message: 'session' }, { done: 0 }, { done: 11 }]) {
    await fresh(page)
    await killWhen(page, 'engine', when)
    expect(sameBytes(await evaluate(page, BASE), whole), JSON.stringify(when)).toBe(true)
    expect(await heard(page)).toContain('The engine is started again')
  }
})

test('an engine that crashes with an error, after 5 pictures', async () => {
  await fresh(page)
  const due = reached(page, 5)
  const running = evaluate(page, BASE)
  await due
  // An error that nobody catches: the browser reports it to the page as it reports any crash of the worker.
  const engine = page.workers().find((worker) => worker.url().includes('engine'))
  await engine!.evaluate(() => {
    setTimeout(() => {
      throw new Error('made to crash')
    })
  })
  expect(sameBytes(await running, whole)).toBe(true)
  expect((await heard(page)).match(/stopped unexpectedly .*made to crash/g)).toHaveLength(1)
})

test('a trainer that ends without an event', async () => {
  await fresh(page)
  await killWhen(page, 'trainer', { message: 'step 1 of 3' })
  expect(sameBytes(await evaluate(page, LIVE), trained)).toBe(true)
  expect(await heard(page)).toContain('Training is started again')
})

test('all databases deleted in mid-run: it goes on in memory, says so and offers the file', async () => {
  await fresh(page)
  const due = reached(page, 4)
  const running = evaluate(page, LIVE)
  await due
  await page.evaluate(async () => {
    for (const { name } of await indexedDB.databases()) if (name) indexedDB.deleteDatabase(name)
  })
  expect(sameBytes(await running, trained)).toBe(true)
  await expect(page.getByText('The run goes on in memory until this tab closes.').first()).toBeVisible()
})

test('no room for a run and its checkpoints: it goes on in memory and says so', async ({ browser, baseURL }) => {
  // Storage of its own: the browser remembers for a while how much room there was for what is written already.
  const own = await browser.newContext({ baseURL })
  const full = await own.newPage()
  await goTo(full)
  const session = await own.newCDPSession(full)
  await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(full.url()).origin, quotaSize: 1_000 })
  expect(
    sameBytes(await full.evaluate((given) => (globalThis as unknown as Faulty).spqr.evaluate(given), LIVE), trained),
  ).toBe(true)
  await expect(full.getByText('export this report before you close the tab').first()).toBeVisible()
  await own.close()
})

test('history moves, a clock that jumps, a second tab, and a page that is left', async () => {
  await fresh(page)
  const due = reached(page, 2)
  const running = evaluate(page, BASE)
  await due
  await page.evaluate(() => (location.hash = '#report'))
  await page.goBack()
  await jumpClock(page, -30)
  await jumpClock(page, 365)
  // Frozen, so that the run cannot end while the other tab is still loading.
  const session = await context.newCDPSession(page)
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  const second = await context.newPage()
  await goTo(second)
  await expect(evaluate(second, BASE)).rejects.toThrow('This run goes on in another tab.')
  await second.close()
  await session.send('Page.setWebLifecycleState', { state: 'active' })
  expect(sameBytes(await running, whole)).toBe(true)

  await fresh(page)
  const soon = reached(page, 6)
  const left = evaluate(page, BASE).catch(() => 'gone')
  await soon
  await page.reload()
  expect(await left).toBe('gone')
  await page.waitForFunction(() => 'spqr' in globalThis)
  await expect(page.getByText(/stopped at \d+ of 16 pictures/)).toBeVisible()
  await expect(page.getByRole('button', { name: 'Continue this run' })).toBeVisible()
  await expect(page.getByRole('alert')).toBeHidden()
  expect(sameBytes(await evaluate(page, BASE), whole)).toBe(true)
  expect(await heard(page)).toMatch(/^16 images, \d+ of them made earlier$/m)
})

test('a server that fails every first time, and drops every third connection', async ({ browser, baseURL }) => {
  const visit = await browser.newContext({ baseURL, serviceWorkers: 'block' })
  await visit.addInitScript(watchWorkers)
  const first = await visit.newPage()
  const seen = new Map<string, number>()
  await visit.route(/\/packs\/.*\.(safetensors|onnx)$/, (route) => {
    const url = route.request().url()
    const times = (seen.get(url) ?? 0) + 1
    seen.set(url, times)
    if (times === 1) return route.fulfill({ status: seen.size % 2 ? 500 : 503 })
    return times === 2 && seen.size % 3 === 0 ? route.abort('connectionreset') : route.continue()
  })
  await goTo(first)
  expect(sameBytes(await evaluate(first, BASE), whole)).toBe(true)
  expect(seen.size).toBeGreaterThan(5)
  await visit.close()
})

interface Phone extends Faulty {
  asleep: boolean
  /** How often the page asked to keep the screen awake, and how many such locks it holds. */
  asked: number
  held: number
}
/** A screen that can be locked, as a phone's: the page is hidden, and its lock on the screen is gone. */
function phoneScreen(): void {
  const scope = globalThis as unknown as Phone
  Object.assign(scope, { asleep: false, asked: 0, held: 0 })
  Object.defineProperty(document, 'visibilityState', { get: () => (scope.asleep ? 'hidden' : 'visible') })
  const request = () => {
    scope.asked += 1
    scope.held += 1
    return Promise.resolve({ release: () => Promise.resolve(void (scope.held = Math.max(0, scope.held - 1))) })
  }
  Object.defineProperty(navigator, 'wakeLock', { value: { request } })
}
const lockScreen = (page: Page, asleep: boolean): Promise<void> =>
  page.evaluate((locked) => {
    const scope = globalThis as unknown as Phone
    scope.asleep = locked
    if (locked) scope.held = 0
    document.dispatchEvent(new Event('visibilitychange'))
  }, asleep)

test('a phone: its screen is locked, the page frozen and short of memory, left and shown again', async () => {
  const phone = await context.newPage()
  await phone.addInitScript(phoneScreen)
  await fresh(phone)
  const session = await context.newCDPSession(phone)
  await session.send('Emulation.setCPUThrottlingRate', { rate: 4 })
  const due = reached(phone, 4)
  const running = evaluate(phone, BASE)
  await due
  await lockScreen(phone, true)
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  await session.send('Memory.simulatePressureNotification', { level: 'critical' })
  await session.send('Page.setWebLifecycleState', { state: 'active' })
  await lockScreen(phone, false)
  const { asked, held } = await phone.evaluate(() => {
    const scope = globalThis as unknown as Phone
    return { asked: scope.asked, held: scope.held }
  })
  expect({ asked, held }).toEqual({ asked: 2, held: 1 })
  // As a browser that keeps pages does with one that was left and is gone back to.
  await Promise.race([reached(phone, 7), running])
  await phone.evaluate(() => {
    dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))
    dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
  })
  expect(sameBytes(await running, whole)).toBe(true)
  expect(await heard(phone)).toContain('The engine is started again')
  expect(await phone.evaluate(() => (globalThis as unknown as Phone).held)).toBe(0)
  await phone.close()
})
