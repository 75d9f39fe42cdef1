/**
 * Every screen of the lesson, of the teacher's page and of the first visit, on a phone, a laptop and a projector.
 *
 * Two things are held fast. Facts of the layout: nothing runs out of the window, no text is cut off, nothing that can be
 * pressed covers another or is too small for a finger. And a small picture of each screen, committed beside this file: it
 * is compared shrunk to a few thousand pixels, where letters are a grey that any font gives, and arrangement, colour and
 * pictures are what counts. `npx playwright test -c tests/playwright.config.ts look --update-snapshots` renews them.
 */
import { expect, test, type Page } from '@playwright/test'
import { layoutFaults } from '../helpers/layout'

const SIZES = {
  phone: { width: 390, height: 844, shrink: 6 },
  laptop: { width: 1280, height: 800, shrink: 12 },
  projector: { width: 1920, height: 1080, shrink: 16 },
} as const
type Size = keyof typeof SIZES

/** The screenshot with a letter of a few pixels: averaged in a page of its own, where no policy forbids it. */
async function shrunk(shooter: Page, page: Page, by: number): Promise<Buffer> {
  const png = await page.screenshot({ animations: 'disabled', caret: 'hide' })
  const small = await shooter.evaluate(
    async ([source, factor]) => {
      const picture = new Image()
      picture.src = `data:image/png;base64,${source}`
      await picture.decode()
      const [width, height] = [Math.round(picture.width / factor), Math.round(picture.height / factor)]
      const canvas = document.createElement('canvas')
      canvas.width = width
      canvas.height = height
      const context = canvas.getContext('2d')
      if (!context) return ''
      context.imageSmoothingQuality = 'high'
      context.drawImage(picture, 0, 0, width, height)
      return canvas.toDataURL('image/png').split(',')[1] ?? ''
    },
    [png.toString('base64'), by] as const,
  )
  return Buffer.from(small, 'base64')
}

/** Opens each screen in turn and hands it over once its pictures and figures are there. */
async function walk(page: Page, size: Size, look: (screen: string) => Promise<void>): Promise<void> {
  const canvases = (n: number) => expect(page.locator('.picture-wall canvas')).toHaveCount(n)
  const go = (place: string) =>
    page.evaluate((hash) => {
      location.hash = hash
    }, place)
  const heading = page.getByRole('heading', { level: 1 })
  await page.goto('./')
  await expect(page.locator('.families canvas, .stage canvas').first()).toBeVisible()
  await look('play-guess')
  await page.getByRole('slider').fill('20')
  await page.getByRole('button', { name: 'Lock in my guess' }).click()
  await expect(page.locator('.stage canvas').first()).toBeVisible()
  await look('play-told')
  await go('teach')
  await expect(page.getByText(/Each machine downloads/)).toBeVisible()
  await look('teach')
  await go('lesson/1')
  await canvases(64)
  if (size === 'projector') await page.getByRole('button', { name: 'Projector' }).click()
  await look('lesson-1')
  for (const [screen, then] of [
    ['lesson/2', 128],
    ['lesson/3', 128],
  ] as const) {
    await go(screen)
    await expect(page.getByRole('slider')).toBeVisible()
    await look(`${screen.replace('/', '-')}-guess`)
    await page.getByRole('slider').fill('20')
    await page.getByRole('button', { name: 'Lock in my guess' }).click()
    await canvases(then)
    await look(screen.replace('/', '-'))
  }
  await go('lesson/4')
  await expect(page.locator('svg.chart path.line')).toBeVisible()
  await look('lesson-4')
  await go('lesson/5')
  await expect(heading).toHaveText('Was yours luck?')
  await look('lesson-5')
  await go('lesson/6')
  await expect(page.getByText(/of 100 forbidden prompts are flagged/)).toBeVisible()
  await look('lesson-6-guess')
  await page.getByRole('button', { name: 'Lock in my guess' }).click()
  await expect(page.getByText(/Recorded: the study of this model/)).toBeVisible()
  await look('lesson-6')
  await go('lesson/7')
  await expect(page.locator('.asked canvas')).toHaveCount(16)
  await look('lesson-7')
  await go('lesson/8')
  await expect(heading).toHaveText('Before you go')
  await look('lesson-8')
}

for (const size of Object.keys(SIZES) as Size[]) {
  test(`every screen keeps its look, ${size}`, async ({ browser, baseURL }) => {
    const { width, height, shrink } = SIZES[size]
    const context = await browser.newContext({
      baseURL,
      viewport: { width, height },
      colorScheme: 'light',
      reducedMotion: 'reduce',
      locale: 'en-GB',
    })
    const [page, shooter] = [await context.newPage(), await context.newPage()]
    await walk(page, size, async (screen) => {
      expect.soft(await page.evaluate(layoutFaults, 'screen' as const), `${screen}, ${size}`).toEqual([])
      expect
        .soft(await shrunk(shooter, page, shrink), `${screen}, ${size}`)
        .toMatchSnapshot(`${screen}-${size}.png`, { threshold: 0.25, maxDiffPixelRatio: 0.15 })
    })
    await context.close()
  })
}

test('nothing is lost at 200 % zoom, nor in colours that the reader forces', async ({ browser, baseURL }) => {
  // 1280 × 800 at 200 % is a window of 640 × 400 CSS pixels.
  const context = await browser.newContext({
    baseURL,
    viewport: { width: 640, height: 400 },
    deviceScaleFactor: 2,
    forcedColors: 'active',
    reducedMotion: 'reduce',
  })
  const page = await context.newPage()
  await walk(page, 'phone', async (screen) => {
    expect.soft(await page.evaluate(layoutFaults, 'screen' as const), screen).toEqual([])
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/forced-${screen}.png`, fullPage: true })
  })
  await context.close()
})
