/** What journeys through the page share: opening it, waiting for a run's end, saving a file. */
import { readFileSync } from 'node:fs'
import { expect, type Browser, type Page } from '@playwright/test'

/** Opens a place of the page, also where it differs in its fragment only, and waits until it can be scripted. */
export async function open(page: Page, place = ''): Promise<void> {
  await page.goto('about:blank')
  await page.goto(`./${place}`)
  await page.waitForFunction(() => 'spqr' in globalThis)
}

/** A page with storage of its own. */
export async function freshPage(browser: Browser, baseURL: string | undefined): Promise<Page> {
  return (await browser.newContext({ baseURL })).newPage()
}

/** What a button of the page saves. */
export async function download(page: Page, button: string | RegExp): Promise<Buffer> {
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: button }).click()
  return readFileSync(await (await saved).path())
}

/** Until a run made here stands at its end. */
export const settle = (page: Page): Promise<void> =>
  expect(page.getByText('Made in this browser just now')).toBeVisible({ timeout: 600_000 })
