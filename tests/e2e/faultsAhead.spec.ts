/**
 * Faults of the real page on a first visit while pictures are drawn and the files of their judges are still on the way: the
 * page is left, the engine ends without an event. The Report is byte for byte that of a run without faults.
 */
import { expect, test, type Page } from '@playwright/test'
import { BASE, evaluate, goTo, heard, sameBytes, watchWorkers, type Faulty } from '../helpers/faultyPage'

/** Resolves when so many batches are drawn that nobody has judged; rejects when one was judged before. */
const drawn = (page: Page, batches: number): Promise<void> =>
  page.evaluate(
    (count) =>
      new Promise<void>((resolve, reject) => {
        const scope = globalThis as unknown as Faulty
        let seen = 0
        scope.inject = ({ type }) => {
          if (type === 'results') reject(new Error('A picture was judged without its judges.'))
          if (type === 'drawn' && ++seen === count) resolve()
        }
      }),
    batches,
  )
const forget = (page: Page) => page.evaluate(() => void delete (globalThis as unknown as Faulty).inject)

test('pictures wait for their judges: the page is left, then the engine ends without an event', async ({
  browser,
  baseURL,
}) => {
  const context = await browser.newContext({ baseURL, serviceWorkers: 'block' })
  await context.addInitScript(watchWorkers)
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  await context.route(/\/judges\/.*\/model\.(safetensors|onnx)$/, async (route) => {
    await released
    // A page that was left asks for nothing any more.
    await route.continue().catch(() => undefined)
  })
  const page = await context.newPage()
  await goTo(page)
  const soon = drawn(page, 3)
  const left = evaluate(page, BASE).catch(() => 'gone')
  await soon
  await page.reload()
  expect(await left).toBe('gone')
  await page.waitForFunction(() => 'spqr' in globalThis)

  const due = drawn(page, 2)
  const running = evaluate(page, BASE)
  await due
  await forget(page)
  await page.evaluate(() => {
    const { workers } = globalThis as unknown as Faulty
    workers.findLast(({ name }) => name === 'engine')?.worker.terminate()
  })
  release()
  const report = await running
  expect(await heard(page)).toContain('The engine is started again')
  // Nothing of what was drawn in either visit was recorded before it was judged.
  expect(await heard(page)).toMatch(/^16 images$/m)

  await context.unrouteAll()
  const whole = await browser.newContext({ baseURL })
  await whole.addInitScript(watchWorkers)
  const other = await whole.newPage()
  await goTo(other)
  expect(sameBytes(report, await evaluate(other, BASE))).toBe(true)
  await whole.close()
  await context.close()
})
