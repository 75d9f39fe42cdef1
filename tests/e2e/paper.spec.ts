/**
 * Out of the page: every view on A4 and Letter, and the HTML report opened from the disk, whose figures are the Report's.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test, type Page } from '@playwright/test'
import { figuresOf } from '../../src/evaluation/publish/figures'
import { scoreCells } from '../../src/evaluation/publish/htmlText'
import type { Report } from '../../src/core/contracts'
import { layoutFaults } from '../helpers/layout'
import { CONTENT } from '../helpers/views'

/** CSS pixels of the printed width: the sheet without its margins of 14 mm, 96 a inch. */
const SHEETS = { A4: 688, Letter: 710 } as const

async function saved(page: Page, button: string, folder: string): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: button }).click(),
  ])
  const path = join(folder, download.suggestedFilename())
  await download.saveAs(path)
  return path
}

test('every view prints on A4 and Letter: nothing overprints, nothing is cut', async ({ page }) => {
  await page.emulateMedia({ media: 'print', reducedMotion: 'reduce' })
  for (const [view, content] of Object.entries(CONTENT)) {
    await page.goto('about:blank')
    await page.goto(`./#${view}`)
    await expect(page.locator(content).first()).toBeVisible()
    for (const [format, width] of Object.entries(SHEETS)) {
      await page.setViewportSize({ width, height: 980 })
      expect.soft(await page.evaluate(layoutFaults, 'paper' as const), `${view} on ${format}`).toEqual([])
      const path = process.env.SHOTS ? { path: `${process.env.SHOTS}/${view}-${format}.pdf` } : {}
      expect((await page.pdf({ format, ...path })).length).toBeGreaterThan(10_000)
    }
  }
})

test('the HTML report opens from the disk with the Report’s own figures, and loads nothing', async ({
  page,
  browser,
}, info) => {
  await page.goto('./#report')
  await expect(page.locator(CONTENT.report).first()).toBeVisible()
  await page.getByText('Save as', { exact: true }).click()
  const { violations } = await new AxeBuilder({ page }).include('.save-as').analyze()
  expect(violations.map(({ id }) => id)).toEqual([])
  const html = await saved(page, 'Web page with everything', info.outputDir)
  const json = await saved(page, 'Export JSON', info.outputDir)

  const context = await browser.newContext({ offline: true })
  const reader = await context.newPage()
  const asked: string[] = []
  reader.on('request', (request) => asked.push(request.url()))
  const complaints: string[] = []
  reader.on('console', (message) => complaints.push(message.text()))
  await reader.goto(pathToFileURL(html).href)
  expect(asked.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(html).href])
  const report = JSON.parse(readFileSync(json, 'utf8')) as Report
  const text = (await reader.locator('body').innerHTML()).replace(/\s+/g, ' ')
  for (const { unit, score } of figuresOf(report)) expect(text).toContain(scoreCells(score, unit).replace(/\s+/g, ' '))
  await expect(reader.getByText(report.id, { exact: true })).toBeVisible()
  expect(await reader.locator('img').count()).toBeGreaterThan(0)
  const broken = await reader.evaluate(
    () => [...document.images].filter(({ naturalWidth }) => naturalWidth === 0).length,
  )
  expect(broken).toBe(0)
  const { violations: inside } = await new AxeBuilder({ page: reader }).analyze()
  expect(inside.map(({ id }) => id)).toEqual([])
  expect(complaints).toEqual([])
  if (process.env.SHOTS) await reader.screenshot({ path: `${process.env.SHOTS}/report.png`, fullPage: true })
  await context.close()
})
