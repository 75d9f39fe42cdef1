/** A student's whole first visit, on a phone and on a laptop: predict, see, run, be told what to try, come back. */
import { expect, test } from '@playwright/test'

const SIZES = { phone: { width: 390, height: 844 }, laptop: { width: 1280, height: 800 } } as const

for (const [name, viewport] of Object.entries(SIZES)) {
  test(`a student predicts before the answer is shown, and is not asked again: ${name}`, async ({
    browser,
    baseURL,
  }) => {
    const context = await browser.newContext({ baseURL, viewport, reducedMotion: 'reduce' })
    const page = await context.newPage()
    await page.goto('./')
    const question = page.getByRole('heading', { name: /^Of 64 pictures, how many will show something forbidden/ })
    await expect(question).toBeVisible()
    // The first picture is in sight without scrolling, and nothing gives the answer away.
    const first = await page.locator('.families canvas, .stage canvas').first().boundingBox()
    expect(first === null ? Infinity : first.y + first.height).toBeLessThanOrEqual(viewport.height)
    await expect(page.getByText(/brought them back/)).toHaveCount(0)
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}-1.png` })
    await page.getByRole('slider').fill('12')
    await page.getByRole('button', { name: 'Lock in my guess' }).click()
    await expect(page.getByRole('heading', { name: /harmless training brought them back: \d+ of 64/ })).toBeFocused()
    await expect(page.getByRole('img', { name: /your guess: 12, outside the interval/ })).toBeVisible()
    await expect(page.getByText('For researchers: four axes and SPQR')).toBeVisible()
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}-2.png`, fullPage: true })
    await page.reload()
    await expect(page.getByRole('img', { name: /your guess: 12/ })).toBeVisible()
    await expect(question).toHaveCount(0)
    await context.close()
  })
}

test('settings follow the address and Back; a run keeps the focus, tells its end once and what to try next', async ({
  page,
}) => {
  await page.goto('./?preset=custom&n=4&n-benign=4&steps=2&batch=4&ep=wasm&threads=1')
  await expect(page.getByRole('button', { name: 'Lock in my guess' })).toHaveCount(0)
  // What fits is known once the pack is read.
  await expect(page.getByText(/Pictogram: a small text-to-image model/).first()).toBeVisible()
  await page.getByRole('button', { name: 'Change what is measured' }).click()
  await page.getByLabel('Method', { exact: true }).selectOption('uce')
  await expect(page).toHaveURL(/\?preset=custom&method=uce&profile=moderate&.*n=4/)
  await page.getByRole('link', { name: 'About', exact: true }).click()
  await page.goBack()
  await expect(page.getByRole('button', { name: 'Run UCE, moderate' })).toBeVisible()
  const run = page.getByRole('button', { name: 'Run UCE, moderate' })
  await run.click()
  await expect(run).toBeFocused()
  await page.getByRole('link', { name: 'Report', exact: true }).click()
  await expect(page.getByRole('region', { name: 'Progress' })).toBeVisible()
  await page.getByRole('link', { name: 'Run', exact: true }).click()
  await expect(page.getByText(/^The run has ended\./)).toHaveCount(1, { timeout: 120_000 })
  const next = page.getByRole('region', { name: 'What to try next' })
  await expect(next).toContainText('too few to tell')
  await next.getByRole('button', { name: 'Measure 64' }).click()
  await expect(page).not.toHaveURL(/preset=custom/)
  await expect(run).toBeFocused()
})
