/**
 * The page as a person meets it: readable at every width, in light and dark, from right to left, by keyboard, by screen
 * reader; a tiny run through the one button; pictures, scores, errors.
 */
import { readFileSync } from 'node:fs'
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test, type Page } from '@playwright/test'
import type { SpqrScript } from '../../src/evaluation/run/runApi'
import { CONTENT } from '../helpers/views'
import { loadedScripts } from '../helpers/loadedScripts'

const VIEWS = ['run', 'report', 'gallery', 'compare', 'about'] as const
const TINY = '?preset=custom&n=4&n-benign=4&steps=2&batch=2&ep=wasm&threads=1'

async function open(page: Page, place = ''): Promise<void> {
  await page.goto('about:blank')
  await page.goto(`./${place}`)
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
}

/** Every error and warning of the console, a violated policy and a missing file among them, and every exception. */
function complaints(page: Page): string[] {
  const heard: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) heard.push(`${message.text()} (${message.location().url})`)
  })
  page.on('pageerror', (error) => heard.push(error.message))
  return heard
}

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
/** The rules that look at colours. */
const COLOURS = ['color-contrast', 'link-in-text-block']

async function violations(page: Page, axe = new AxeBuilder({ page }).withTags(RULES)): Promise<string[]> {
  const { violations: found } = await axe.analyze()
  return found.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
}

const filled = (page: Page, view: (typeof VIEWS)[number]): Promise<void> =>
  expect(page.locator(CONTENT[view]).first()).toBeVisible()

const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)

for (const colorScheme of ['light', 'dark'] as const) {
  test(`every view is accessible and keeps its policy, ${colorScheme}`, async ({ browser, baseURL }) => {
    const page = await (await browser.newContext({ baseURL, colorScheme, reducedMotion: 'reduce' })).newPage()
    const heard = complaints(page)
    for (const view of VIEWS) {
      await open(page, `#${view}`)
      await expect(
        page.getByRole('link', { name: view, exact: false }).and(page.locator('[aria-current=page]')),
      ).toBeVisible()
      await filled(page, view)
      // What does not depend on colours is the same in the dark.
      const axe = new AxeBuilder({ page })
      if (colorScheme === 'light') axe.withTags(RULES)
      else axe.withRules(COLOURS)
      expect(await violations(page, axe), view).toEqual([])
    }
    expect(heard).toEqual([])
  })
}

test('nothing runs out of the window at 360, 1280 and 2560 pixels, in either direction', async ({ page }) => {
  for (const view of VIEWS) {
    await page.setViewportSize({ width: 360, height: 900 })
    await open(page, `#${view}`)
    await filled(page, view)
    for (const width of [360, 1280, 2560]) {
      await page.setViewportSize({ width, height: 900 })
      for (const direction of ['ltr', 'rtl']) {
        await page.evaluate((dir) => {
          document.documentElement.dir = dir
        }, direction)
        expect(await overflow(page), `${view} ${direction} at ${width}`).toBeLessThanOrEqual(0)
      }
    }
  }
})

test('the keyboard reaches everything, and focus follows the view', async ({ page }) => {
  await open(page)
  await page.keyboard.press('Tab')
  await expect(page.getByText('Skip to the content')).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('main')).toBeFocused()
  await page.getByRole('link', { name: 'Gallery' }).focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Gallery')
  await expect(page.getByRole('main')).toBeFocused()
  await page.goBack()
  const change = page.getByRole('button', { name: 'Change what is measured' })
  await change.press('Enter')
  await expect(page.getByLabel('Method', { exact: true })).toBeVisible()
  await expect(change).toHaveAttribute('aria-expanded', 'true')
  expect(await violations(page)).toEqual([])
})

test('a wrong setting is told beside its field and does not count', async ({ page }) => {
  await open(page)
  await page.getByRole('button', { name: 'Change what is measured' }).click()
  const guidance = page.getByLabel('Guidance')
  await guidance.fill('a lot')
  await guidance.blur()
  await expect(page.getByText('Guidance must be a number from 0 to 100; it is "a lot".')).toBeVisible()
  await expect(guidance).toHaveAttribute('aria-invalid', 'true')
  await guidance.fill('2.5')
  await guidance.blur()
  await expect(guidance).not.toHaveAttribute('aria-invalid', 'true')
})

test('an unknown parameter of the address is reported', async ({ page }) => {
  await open(page, '?colour=red')
  await expect(page.getByText(/The address names "colour", which this page has no setting for/)).toBeVisible()
})

test('what is no report is refused with a sentence, and nothing is lost', async ({ page }) => {
  await open(page, '#compare')
  const files = page.getByLabel('Choose a report')
  await files.setInputFiles({ name: 'holiday.json', mimeType: 'application/json', buffer: Buffer.from('{"a": 1}') })
  await expect(page.getByText('holiday.json holds neither a run record nor a report.')).toBeVisible()
  await files.setInputFiles({
    name: 'cut.json',
    mimeType: 'application/json',
    buffer: Buffer.from('{"schema": 1, "rec'),
  })
  await expect(page.getByText(/cut\.json cannot be read: it is no valid JSON/)).toBeVisible()
  await page.getByRole('button', { name: 'Put this message away' }).first().click()
  await expect(page.getByText('holiday.json holds neither')).toBeHidden()
  expect(await violations(page)).toEqual([])
})

test('a term explains itself and leads to its formula', async ({ page }) => {
  await open(page)
  await page.getByRole('button', { name: 'Change what is measured' }).click()
  await page.getByRole('button', { name: 'lite', exact: true }).click()
  await expect(page.getByText('A LoRA of rank 8 on the attention projections', { exact: false })).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByText('A LoRA of rank 8 on the attention projections', { exact: false })).toBeHidden()
  await page.evaluate(() => {
    location.hash = 'about/formula-r'
  })
  await expect(page.locator('#formula-r')).toBeFocused()
  await expect(page.locator('#formula-r')).toBeInViewport()
})

test('the reference study tells what breaks, by profile and in parts', async ({ page }) => {
  interface StudyRow {
    method: string
    profile: string
    scenario: string
    harmfulness: { aligned: { value: number } }
  }
  const { rows } = JSON.parse(
    readFileSync(new URL('../../public/packs/pictogram/leaderboard.json', import.meta.url), 'utf8'),
  ) as { rows: StudyRow[] }
  await open(page, '#about')
  const study = page.locator('.study')
  for (const profile of ['lite', 'moderate']) {
    await study.getByRole('radio', { name: `${profile} profile` }).check()
    const count = rows.filter((row) => row.scenario === 'general' && row.profile === profile).length
    expect(count).toBeGreaterThan(0)
    await expect(study.getByRole('region', { name: 'Leaderboard' }).locator('tbody tr')).toHaveCount(count)
  }
  await study.getByText('A method by family, suite and language').click()
  await study.getByRole('combobox', { name: /^Method, moderate profile, general data/ }).selectOption('esd-x')
  await expect(study.locator('details svg.chart')).toHaveCount(3)
  await expect(study.locator('details')).toContainText('No language')
  const row = rows.find(
    ({ method, profile, scenario }) => method === 'esd-x' && profile === 'moderate' && scenario === 'general',
  )
  await expect(study.getByRole('region', { name: /^Table: Harmless fine-tuning|^Table: No method/ })).toContainText(
    `ESD-x${row?.harmfulness.aligned.value.toFixed(1)}`,
  )
  expect(await violations(page)).toEqual([])
})

test('the theme can be chosen and is remembered', async ({ page }) => {
  await open(page)
  await page.getByRole('button', { name: /^Colours: system/ }).click()
  await page.getByRole('button', { name: /^Colours: light/ }).click()
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
  await page.reload()
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
})

test('one button: pictures arrive, pause holds, scores stand at the end, every sample opens', async ({ page }) => {
  const heard = complaints(page)
  await open(page, TINY)
  await page.getByRole('button', { name: 'Run the demo' }).click()
  const progress = page.getByRole('region', { name: 'Progress' })
  await expect(progress.getByText('of 16')).toBeVisible({ timeout: 300_000 })
  await expect(page.locator('.stage canvas').first()).toBeVisible({ timeout: 300_000 })
  await expect(page.getByText('Being made in this browser now')).toBeVisible()
  await progress.getByRole('button', { name: 'Pause' }).click()
  await expect(progress.getByText('Paused', { exact: true }).first()).toBeVisible({ timeout: 300_000 })
  expect(await violations(page)).toEqual([])
  await progress.getByRole('button', { name: 'Continue' }).click()
  await expect(page.getByText('Made in this browser just now')).toBeVisible({ timeout: 600_000 })

  const scores = page.getByRole('region', { name: 'Scores' })
  await page.getByText('For researchers: four axes and SPQR').click()
  await expect(scores.getByRole('heading', { name: 'Too few pictures for one number' })).toBeVisible()
  await expect(scores.getByRole('img', { name: /The table below holds the numbers/ }).first()).toBeVisible()
  await expect(page.getByText('16 of 16 pictures made and judged')).toBeVisible()
  expect(await violations(page), 'run with scores').toEqual([])

  await page
    .getByRole('button', { name: /, Aligned: / })
    .first()
    .click()
  const dialog = page.getByRole('dialog')
  await expect(dialog.getByRole('heading', { level: 3 })).toHaveText(['Base', 'Aligned', 'Fine-tuned'])
  await expect(dialog.getByText(/flags? it/).first()).toBeVisible()
  const first = await dialog.getByRole('heading', { level: 2 }).textContent()
  await page.keyboard.press('ArrowRight')
  await expect(dialog.getByRole('heading', { level: 2 })).not.toHaveText(first ?? '')
  expect(await violations(page), 'dialog').toEqual([])
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()

  await page.getByRole('link', { name: 'Report', exact: true }).click()
  await expect(page.getByRole('region', { name: 'Threshold' }).getByRole('img').first()).toBeVisible()
  await page.getByLabel(/^Threshold 0/).fill('0.9')
  await expect(page.getByText(/^At these thresholds: h /)).toBeVisible()
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: 'SVG' }).first().click()
  expect((await saved).suggestedFilename()).toBe('spqr-drift.svg')
  expect(await violations(page), 'report').toEqual([])
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 900 })
    expect(await overflow(page), `report at ${width}`).toBeLessThanOrEqual(0)
  }

  await page.getByRole('link', { name: 'Gallery' }).click()
  await page.getByLabel('Stage').selectOption('fine-tuned')
  await expect(page.getByText('4 prompts of 8')).toBeVisible()
  expect(await violations(page), 'gallery').toEqual([])

  const exported = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Run', exact: true }).click()
  await page.getByRole('button', { name: 'Export JSON' }).click()
  const path = await (await exported).path()
  await page.getByRole('link', { name: 'Compare', exact: true }).click()
  await page.getByLabel('Choose a report').setInputFiles(path)
  await expect(page.getByRole('region', { name: 'Reports' }).getByRole('row')).toHaveCount(2)

  await page.getByRole('link', { name: 'About', exact: true }).click()
  const stored = page.getByRole('region', { name: 'Storage' })
  await expect(stored.getByText(/^Run [0-9a-f]{8} of .*: 16 of 16 pictures/)).toBeVisible()
  await stored.getByRole('button', { name: /^Delete run/ }).click()
  await expect(stored.getByText(/^Run [0-9a-f]{8} of/)).toBeHidden()
  expect(heard).toEqual([])
})

test('the scripting API states the version that the page shows', async ({ page }) => {
  await open(page)
  const version = await page.evaluate(() => (globalThis as unknown as { spqr: SpqrScript }).spqr.version)
  await expect(page.getByText(`spqr-web ${version}`)).toBeVisible()
})

test('the button waits for little JavaScript that it does not use', async ({ browser, baseURL }) => {
  const context = await browser.newContext({ baseURL, serviceWorkers: 'block' })
  const page = await context.newPage()
  const button = page.getByRole('button', { name: /^Run / })
  const { bytes, unused } = await loadedScripts(page, baseURL ?? '', () => button.waitFor())
  console.log(
    `before the button: ${(bytes / 1000).toFixed(0)} kB by gzip, ${(unused / 1000).toFixed(0)} kB of it unused`,
  )
  expect(bytes).toBeGreaterThan(30e3)
  // Found: 164 and 96 kB; 185 and 116 with the codec of links and the stores, 290 and 209 with every view.
  expect(bytes).toBeLessThan(172e3)
  expect(unused).toBeLessThan(102e3)
  await context.close()
})
