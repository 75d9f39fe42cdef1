/** The shelf of runs: what comes in is named, kept over a reload, compared, deleted and brought back. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test, type Locator, type Page } from '@playwright/test'

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/0.1.0/${name}`, import.meta.url))

async function violations(page: Page): Promise<string[]> {
  const { violations: found } = await new AxeBuilder({ page }).analyze()
  return found.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
}

async function shot(page: Page, name: string): Promise<void> {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, fullPage: true })
}

test('two runs are kept, named, compared, deleted and brought back', async ({ page }) => {
  await page.goto('./#compare')
  const runs = page.getByRole('region', { name: 'Reports' })
  await expect(runs.getByRole('row')).toHaveCount(2)
  await page
    .getByLabel('Choose a report')
    .setInputFiles([fixture('esd-x.report.json'), fixture('uce-live.report.json')])
  await expect(runs.getByRole('row')).toHaveCount(3)

  await runs.getByRole('button', { name: 'Rename esd-x.report' }).click()
  await page.getByLabel('Name', { exact: true }).fill('Erasing, first try')
  await page.getByLabel(/^Tags/).fill('week 1, esd')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(runs.getByRole('rowheader', { name: /Erasing, first try/ })).toContainText('week 1')

  await page.reload()
  await expect(runs.getByRole('rowheader', { name: /Erasing, first try/ })).toBeVisible()
  await runs.getByRole('button', { name: 'Name', exact: true }).click()
  await expect(runs.getByRole('columnheader', { name: 'Name' })).toHaveAttribute('aria-sort', 'ascending')
  await page.getByLabel(/^Search/).fill('week esd')
  await expect(runs.getByRole('row')).toHaveCount(2)
  await page.getByLabel(/^Search/).fill('')

  await runs.getByRole('checkbox', { name: 'Compare Erasing, first try' }).check()
  await runs.getByRole('checkbox', { name: 'Compare uce-live.report' }).check()
  const differences = page.getByRole('region', { name: 'Differences of the scores' })
  await expect(differences.getByRole('row', { name: /^Safety/ })).toContainText(/told apart/)
  const plot = page.getByRole('region', { name: 'Trade-off of the runs' })
  await expect(plot.getByRole('img')).toBeVisible()
  await plot.getByRole('button', { name: 'Table' }).click()
  await expect(plot.getByRole('row')).toHaveCount(3)
  expect(await violations(page)).toEqual([])
  await shot(page, 'shelf-light')
  await page.emulateMedia({ colorScheme: 'dark' })
  await shot(page, 'shelf-dark')
  await page.setViewportSize({ width: 390, height: 844 })
  await shot(page, 'shelf-390')
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)

  await runs.getByRole('button', { name: 'Delete Erasing, first try' }).click()
  await expect(runs.getByRole('rowheader', { name: /Erasing, first try/ })).toBeHidden()
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(runs.getByRole('rowheader', { name: /Erasing, first try/ })).toBeVisible()
})

test('a report is let go of anywhere on the page, and a run and a figure are dragged out of it', async ({ page }) => {
  await page.goto('./#about')
  const text = readFileSync(fixture('esd-x.report.json'), 'utf8')
  const dropped = await page.evaluateHandle((report) => {
    const data = new DataTransfer()
    data.items.add(new File([report], 'dropped.json', { type: 'application/json' }))
    return data
  }, text)
  await page.getByRole('main').dispatchEvent('dragover', { dataTransfer: dropped })
  await expect(page.getByText('Let go to open the report, or the saved shelf')).toBeVisible()
  await page.getByRole('main').dispatchEvent('drop', { dataTransfer: dropped })
  const run = page.getByRole('region', { name: 'Reports' }).getByRole('rowheader', { name: /^dropped/ })
  await expect(run).toBeVisible()
  await expect(page.getByText('Let go to open the report, or the saved shelf')).toBeHidden()

  /** What a drag that begins on a place carries. */
  const carried = async (place: Locator): Promise<string> => {
    const data = await page.evaluateHandle(() => new DataTransfer())
    await place.dispatchEvent('dragstart', { dataTransfer: data })
    return data.evaluate((transfer) => transfer.getData('DownloadURL'))
  }
  await run.dispatchEvent('pointerdown')
  await expect.poll(() => carried(run)).toMatch(/^application\/json:dropped\.json:blob:/)
  await page.goto('./#report')
  const figure = page.locator('.drawing').first()
  await expect(figure.locator('svg.chart')).toBeVisible()
  expect(await carried(figure)).toMatch(/^image\/svg\+xml:spqr-[\w-]+\.svg:blob:/)
})
