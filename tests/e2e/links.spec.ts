/**
 * Results that travel: a run becomes a short link, goes through a chat, is opened by a stranger as a claim, and is made
 * again to the bit; a damaged link never shows another result.
 */
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test } from '@playwright/test'
import type { SpqrScript } from '../../src/evaluation/run/runApi'
import { freshPage, open } from '../helpers/pageJourney'

interface Scripted {
  spqr: SpqrScript
}
const TINY = { preset: 'custom', n: '4', 'n-benign': '4', steps: '2', batch: '2', ep: 'wasm', threads: '1' }

test.describe('a run of this page', () => {
  // One run gives both links: these tests share a worker.
  test.describe.configure({ mode: 'default' })
  let links: Record<'short' | 'full', string>
  test.beforeAll(async ({ browser, baseURL }) => {
    const page = await freshPage(browser, baseURL)
    await open(page)
    links = await page.evaluate(async (parameters) => {
      const { spqr } = globalThis as unknown as Scripted
      const report = await spqr.evaluate(parameters)
      return { short: spqr.link(report, 'short'), full: spqr.link(report, 'full') }
    }, TINY)
    await page.context().close()
  })

  test('a short link is a claim that a stranger makes again to the bit', async ({ browser }) => {
    const link = links.short
    expect(link.length).toBeLessThanOrEqual(400)

    // What a mail client does: escapes the dots, wraps the line, adds a full stop.
    const mangled = `${link.replace('.', '%2E').replace(/.{60}/g, (line) => `${line}%0A  `)}.`
    const context = await browser.newContext()
    const stranger = await context.newPage()
    await stranger.goto(`./${mangled}`)
    await expect(stranger.getByRole('heading', { name: 'A claim from a link: not checked yet' })).toBeVisible()
    await expect(stranger.getByRole('row', { name: /The link says/ })).toContainText(/\d of 4/)
    // Nothing but the claim is shown as a result.
    await expect(stranger.getByRole('region', { name: 'Scores' })).toHaveCount(0)
    const { violations } = await new AxeBuilder({ page: stranger }).analyze()
    expect(violations.map(({ id }) => id)).toEqual([])

    await stranger.getByRole('button', { name: 'Recompute here' }).click()
    await expect(stranger.getByRole('heading', { name: 'Recomputed here: equal to the bit' })).toBeVisible({
      timeout: 300_000,
    })
    await expect(stranger.getByRole('row', { name: /Made here/ })).toContainText(/\d of 4/)
    await stranger.getByRole('button', { name: 'QR code' }).click()
    await expect(stranger.getByRole('img', { name: 'QR code of the short link' })).toBeVisible()
    if (process.env.SHOTS) await stranger.screenshot({ path: `${process.env.SHOTS}/claim.png`, fullPage: true })
    await context.close()
  })

  test('the pictures behind a full link are made here, one sample or all, and compared', async ({ browser }) => {
    const context = await browser.newContext()
    const stranger = await context.newPage()
    await stranger.goto(`./${links.full}`)
    await expect(stranger.getByText('Recomputed from 16 samples: equal.')).toBeVisible()
    await expect(stranger.getByRole('button', { name: 'Make all 16 pictures here' })).toBeVisible()

    await stranger.getByRole('link', { name: 'Gallery' }).click()
    await stranger
      .getByRole('button', { name: /Aligned: .*picture not kept/ })
      .first()
      .click()
    const dialog = stranger.getByRole('dialog')
    await dialog.getByRole('button', { name: /^Make (this|these) pictures? here$/ }).click()
    await expect(dialog.getByText('Made here: equal, the same picture to the bit.').first()).toBeVisible()
    await expect(dialog.locator('canvas').first()).toBeVisible()
    const { violations } = await new AxeBuilder({ page: stranger }).analyze()
    expect(violations.map(({ id }) => id)).toEqual([])
    if (process.env.SHOTS) await stranger.screenshot({ path: `${process.env.SHOTS}/made-dialog.png` })
    await dialog.getByRole('button', { name: 'Close' }).click()

    await stranger.getByRole('button', { name: /^Make all 1[0-9] pictures here$/ }).click()
    await expect(stranger.getByText('16 pictures made here: all equal to what is recorded.')).toBeVisible()
    if (process.env.SHOTS) await stranger.screenshot({ path: `${process.env.SHOTS}/made-all.png` })

    await stranger.getByRole('button', { name: 'Run this recipe' }).click()
    await expect(stranger.getByRole('heading', { name: 'Recomputed here: equal to the bit' })).toBeVisible()
    if (process.env.SHOTS) await stranger.screenshot({ path: `${process.env.SHOTS}/recipe.png` })
    await context.close()
  })
})

test('the address holds a sample, filters and a threshold, and a reload shows them again', async ({ page }) => {
  await page.goto('./#gallery')
  await page.getByLabel('Verdict').selectOption('came back')
  await page
    .getByRole('button', { name: /Aligned: / })
    .first()
    .click()
  const title = await page.getByRole('dialog').getByRole('heading', { level: 2 }).innerText()
  await expect(page).toHaveURL(/#gallery\?sample=[^&]+&flag=came%20back&run=[0-9a-f]{12}$/)
  await page.reload()
  await expect(page.getByRole('dialog').getByRole('heading', { level: 2 })).toHaveText(title)
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
  await expect(page.getByLabel('Verdict')).toHaveValue('came back')
  await page.goto('./#report')
  await page.getByRole('slider').fill('0.7')
  await expect(page).toHaveURL(/#report\?threshold=[\w-]+:0\.7&run=/)
  await page.reload()
  await expect(page.getByText(/At these thresholds: h/)).toBeVisible()
  await page.goto('./#sample=nowhere/x/0')
  await expect(page.getByText('The address names a sample that the run shown here does not have.')).toBeVisible()
})

test('what looks like a result link and is none says so, and shows no other result', async ({ page }) => {
  for (const [place, sentence] of [
    ['#V1.abcdef', /its end is missing, so it was cut/],
    ['#%23v1.abc', /its end is missing, so it was cut/],
    ['#s9.abc.0123456789abcdef', /format s9/],
    [`#${'Qk'.repeat(100)}`, /incomplete or no result link/],
  ] as const) {
    await page.goto('about:blank')
    await page.goto(`./${place}`)
    await expect(page.getByText(sentence)).toBeVisible()
    await expect(page.getByRole('region', { name: 'Scores' })).toHaveCount(0)
  }
})
