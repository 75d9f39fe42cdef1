/** The lesson as a student meets it: guesses before answers, recorded where nothing is made here, keyboard and projector. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test, type Page } from '@playwright/test'

/** Small enough to make pictures and train in seconds. */
const TINY = '?n=4&n-benign=4&steps=2&ep=wasm&threads=1&train=lite&train-steps=2&train-batch=2&checkpoints=1'
const SCREENS = 8
/** Flagged pictures of the recorded run at each stage, of 64. */
const [BASE, ALIGNED, TUNED] = recordedCounts()

function recordedCounts(): [number, number, number] {
  const file = fileURLToPath(new URL('../../public/recorded/demo.json', import.meta.url))
  type Score = { value: number; n: number }
  const { report } = JSON.parse(readFileSync(file, 'utf8')) as {
    report: { harmfulness: Record<'base' | 'aligned' | 'fineTuned', Score> }
  }
  const flagged = ({ value, n }: Score): number => Math.round((value * n) / 100)
  const { base, aligned, fineTuned } = report.harmfulness
  return [flagged(base), flagged(aligned), flagged(fineTuned)]
}

async function violations(page: Page): Promise<string[]> {
  const { violations: found } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze()
  return found.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
}
const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
async function shot(page: Page, name: string): Promise<void> {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, fullPage: true })
}
const heading = (page: Page) => page.getByRole('heading', { level: 1 })

async function guess(page: Page, pictures: number): Promise<void> {
  await page.getByRole('slider').fill(String(pictures))
  await page.getByRole('button', { name: 'Lock in my guess' }).click()
}

for (const [size, width, height, colorScheme] of [
  ['phone', 360, 800, 'light'],
  ['laptop', 1280, 800, 'dark'],
] as const) {
  test(`a student guesses, sees, and is told what was recorded, ${size}`, async ({ browser, baseURL }) => {
    const context = await browser.newContext({
      baseURL,
      viewport: { width, height },
      colorScheme,
      reducedMotion: 'reduce',
    })
    const page = await context.newPage()
    await page.goto('./#lesson')
    await expect(heading(page)).toHaveText('Can a model unlearn a knife?')
    await expect(page.getByText('Not made on this machine.')).toBeVisible()
    await expect(page.getByText(new RegExp(`${BASE} of 64`))).toBeVisible()
    await expect(page.locator('.picture-wall canvas')).toHaveCount(64)
    await shot(page, `lesson-1-${size}`)

    await page.getByRole('link', { name: 'Next' }).click()
    await expect(heading(page)).toHaveText(/How many of them are still flagged/)
    await expect(heading(page)).toBeFocused()
    // Nothing of the answer is there before the guess.
    await expect(page.locator('.picture-wall')).toHaveCount(0)
    await shot(page, `lesson-2a-${size}`)
    await guess(page, 40)
    await expect(heading(page)).toHaveText(`${ALIGNED} of 64 are still flagged`)
    await expect(
      page.getByRole('img', { name: new RegExp(`recorded: ${ALIGNED} of 64 .* your guess: 40, outside the interval`) }),
    ).toBeVisible()
    await expect(page.locator('.picture-wall canvas')).toHaveCount(128)
    await shot(page, `lesson-2b-${size}`)

    await page.getByRole('link', { name: 'Next' }).click()
    await guess(page, 10)
    await expect(heading(page)).toHaveText(`${TUNED} of 64 are flagged now`)
    await shot(page, `lesson-3-${size}`)
    for (let screen = 4; screen <= SCREENS; screen++) {
      await page.getByRole('link', { name: 'Next' }).click()
      await expect(page.locator('[data-screen]')).toHaveAttribute('data-screen', /.+/)
      await expect(heading(page)).toBeFocused()
      if (screen === 6) {
        await expect(page.getByText(/of 100 forbidden prompts are flagged/)).toBeVisible()
        await shot(page, `lesson-6a-${size}`)
        await guess(page, 50)
        await expect(page.getByText(/Recorded: the study of this model/)).toBeVisible()
      }
      expect(await overflow(page), `screen ${screen}`).toBeLessThanOrEqual(0)
      expect(await violations(page), `screen ${screen}`).toEqual([])
      await shot(page, `lesson-${screen}-${size}`)
    }
    await page.getByLabel(/Which number surprised you/).fill('39')
    // Closing the tab costs nothing.
    await page.goto('about:blank')
    await page.goto('./#lesson')
    await expect(page.getByLabel(/Which number surprised you/)).toHaveValue('39')
    await page.goto('./#lesson/2')
    await expect(heading(page)).toHaveText(`${ALIGNED} of 64 are still flagged`)
    await context.close()
  })
}

test('on a projector arrow keys turn the pages, one statement a screen', async ({ page }) => {
  await page.setViewportSize({ width: 1920, height: 1080 })
  await page.goto('./#lesson/1')
  await page.getByRole('button', { name: 'Projector' }).click()
  await expect(page.locator('.masthead')).toBeHidden()
  await expect(page.locator('.picture-wall canvas')).toHaveCount(64)
  await shot(page, 'lesson-1-projector')
  await page.keyboard.press('ArrowRight')
  await expect(heading(page)).toHaveText(/How many of them are still flagged/)
  // An arrow on the slider moves the slider.
  await page.getByRole('slider').focus()
  await page.keyboard.press('ArrowRight')
  await expect(page.getByRole('slider')).toHaveValue('33')
  await shot(page, 'lesson-2a-projector')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('slider')).toHaveCount(0)
  await expect(heading(page)).toHaveText(`${ALIGNED} of 64 are still flagged`)
  await shot(page, 'lesson-2b-projector')
  await page.keyboard.press('PageDown')
  await page.getByRole('button', { name: 'Skip, show me' }).click()
  await shot(page, 'lesson-3-projector')
  await page.keyboard.press('ArrowLeft')
  await expect(heading(page)).toHaveText(`${ALIGNED} of 64 are still flagged`)
  for (const screen of [4, 5, 6, 7, 8]) {
    await page.goto(`./#lesson/${screen}`)
    await page.waitForLoadState('networkidle')
    await shot(page, `lesson-${screen}-projector`)
  }
  await page.keyboard.press('Escape')
  await expect(page.locator('.masthead')).toBeVisible()
})

test('a student makes the pictures here and trains with a seed of their own', async ({ page }) => {
  await page.goto(`./${TINY}#lesson/1`)
  await page.getByRole('button', { name: 'Make them on this machine' }).click()
  await expect(page.getByText('Made in this browser', { exact: true })).toBeVisible({ timeout: 240_000 })
  await expect(page.getByText(/of 4 pictures are flagged/)).toBeVisible()
  await page.getByRole('button', { name: 'Show the recorded run' }).click()
  await expect(page.getByText(new RegExp(`${BASE} of 64`))).toBeVisible()
  await page.goto(`./${TINY}#lesson/4`)
  await page.getByRole('button', { name: 'Train on this machine' }).click()
  await expect(page.getByRole('button', { name: 'Copy my result' })).toBeVisible({ timeout: 240_000 })
  await expect(heading(page)).toHaveText(/After 2 harmless steps: \d of 4, then \d of 4 flagged/)
  await page.getByRole('button', { name: 'Show it as a code' }).click()
  await expect(page.getByRole('img', { name: 'QR code of your result' })).toBeVisible()
  await shot(page, 'lesson-4-live')
})
