/** The teacher's page: a link with locks and hides, its code, paper, and the class's results. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test, type Page } from '@playwright/test'

const recorded = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../public/recorded/class.json', import.meta.url)), 'utf8'),
) as { links: string[] }

async function shot(page: Page, name: string): Promise<void> {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, fullPage: true })
}
async function violations(page: Page): Promise<string[]> {
  const { violations: found } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze()
  return found.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
}

for (const [size, width, colorScheme] of [
  ['phone', 360, 'dark'],
  ['laptop', 1280, 'light'],
] as const) {
  test(`a teacher makes a link that locks and hides, and a student opens it, ${size}`, async ({ browser, baseURL }) => {
    const context = await browser.newContext({ baseURL, viewport: { width, height: 800 }, colorScheme })
    const page = await context.newPage()
    await page.goto('./#teach')
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Teach with this')
    await page.getByLabel('Begins at').selectOption('train')
    await page.getByLabel('Made safe by').selectOption('uce')
    await page.getByRole('checkbox', { name: 'Method' }).check()
    await page.getByRole('checkbox', { name: 'Compare' }).check()
    await expect(page.getByRole('img', { name: 'QR code of the lesson link' })).toBeVisible()
    await expect(page.getByText(/Each machine downloads [\d.]+ MB for the whole lesson, once/)).toBeVisible()
    expect(await violations(page)).toEqual([])
    expect(
      await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    ).toBeLessThanOrEqual(0)
    await shot(page, `teach-${size}`)
    const link = await page.locator('.address a').getAttribute('href')
    expect(link).toBe('?lesson=1&step=4&method=uce&lock=method&hide=compare')

    // A page that came by http, as in a classroom, has no clipboard of its own.
    await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }))
    await page.getByRole('button', { name: 'Copy the link' }).click()
    await expect(page.getByText('Copied. Send it to the class, or show the code.')).toBeVisible()
    await page.getByLabel('Links from the students, one a line').press('Control+V')
    await expect(page.getByLabel('Links from the students, one a line')).toHaveValue(
      new URL(link ?? '', page.url()).href,
    )

    await page.goto(`./${link}`)
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    await expect(page.locator('[data-screen=train]')).toBeVisible()
    await expect(page.getByText('Locked by the lesson link: Method.')).toBeVisible()
    await expect(page.getByRole('link', { name: 'Compare' })).toHaveCount(0)
    await page.getByText('Change what is trained').click()
    await expect(page.getByLabel('Method', { exact: true })).toBeDisabled()
    await expect(page.getByLabel('Method', { exact: true })).toHaveValue('uce')
    await shot(page, `locked-${size}`)
    await page.getByRole('button', { name: 'Unlock' }).click()
    await expect(page.getByLabel('Method', { exact: true })).toBeEnabled()
    await page.getByRole('button', { name: 'Show all' }).click()
    await expect(page.getByRole('link', { name: 'Compare' })).toBeVisible()
    await context.close()
  })
}

test('a link of a later version and locks that nobody knows are told in one sentence each', async ({ page }) => {
  await page.goto('./?lesson=7&lock=method')
  await expect(page.getByText('The lesson link has format "7"; this page reads format 1')).toBeVisible()
  await page.goto('about:blank')
  await page.goto('./?lesson=1&lock=method,colour')
  await expect(page.getByText('The lesson link locks "colour", which this page has no setting for')).toBeVisible()
  await expect(page.getByText('Locked by the lesson link: Method.')).toBeVisible()
})

test('a class is pooled from links; a camera that is refused is told, and nothing is lost', async ({ page }) => {
  await page.goto('./#teach')
  await page.getByLabel('Links from the students, one a line').fill(recorded.links.join('\n'))
  await page.getByRole('button', { name: 'Add the links' }).click()
  await expect(page.getByRole('row')).toHaveCount(2 * (recorded.links.length + 1))
  await expect(page.getByRole('heading', { name: /another class would land between/ })).toBeVisible()
  await expect(page.getByRole('cell', { name: 'not recomputable' }).first()).toBeVisible()
  await page.getByRole('button', { name: 'Scan codes' }).click()
  await expect(page.getByText(/The camera was refused\.|has no camera that the page can use\./)).toBeVisible()
  expect(await violations(page)).toEqual([])
  await shot(page, 'pool-laptop')
  await page.reload()
  await expect(page.getByRole('heading', { name: /another class would land between/ })).toBeVisible()
})

test('notes and worksheet print on A4 and Letter, each alone', async ({ page }) => {
  await page.goto('./#teach')
  await expect(page.getByRole('button', { name: 'Print the worksheet' })).toBeVisible()
  await page.evaluate(() => {
    // The dialog of the browser waits for a hand: its call is noted instead.
    window.print = () =>
      document.body.setAttribute('data-printed', document.querySelector('.teach')?.getAttribute('data-paper') ?? '')
  })
  for (const [button, paper, pages] of [
    ['Print your notes', 'notes', 2],
    ['Print the worksheet', 'worksheet', 2],
  ] as const) {
    await page.getByRole('button', { name: button }).click()
    await expect(page.locator('body')).toHaveAttribute('data-printed', paper)
    for (const format of ['A4', 'Letter'] as const) {
      await page.evaluate((what) => document.querySelector('.teach')?.setAttribute('data-paper', what), paper)
      await page.evaluate((what) => {
        for (const details of document.querySelectorAll('details.disclosure'))
          details.toggleAttribute('open', details.matches(`.paper-${what}`))
      }, paper)
      const pdf = await page.pdf({
        format,
        ...(process.env.SHOTS ? { path: `${process.env.SHOTS}/${paper}-${format}.pdf` } : {}),
      })
      const sheets = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0
      expect(sheets, `${paper} on ${format}`).toBeLessThanOrEqual(pages)
    }
  }
})
