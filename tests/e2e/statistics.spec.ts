/** The statistics of the report page on the recorded run: nothing is drawn again, everything can be asked again. */
import { expect, test, type Page } from '@playwright/test'

async function open(page: Page, place: string): Promise<void> {
  await page.goto('about:blank')
  await page.goto(`./${place}`)
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
}

test('quality, judges and presets stand with their uncertainty, and your own constants move the whole report', async ({
  page,
}) => {
  await open(page, '#report')
  await expect(page.getByText(/^n = \d+: small-sample FID, not comparable$/)).toBeVisible()
  await expect(page.getByText('KID', { exact: true }).first()).toBeVisible()
  await expect(page.getByText(/κ = /).first()).toBeVisible()
  await expect(page.getByText(/With (one judge|any one of them) alone SPQR would/)).toBeVisible()
  const judges = page.getByRole('region', { name: 'Judges' })
  await expect(judges.getByRole('columnheader', { name: 'h aligned, corrected' })).toBeVisible()
  const presets = page.getByRole('region', { name: 'Presets' })
  await expect(presets.getByRole('row', { name: /\(this run\)/ })).toBeVisible()
  await expect(presets.getByRole('row', { name: /^Paper/ })).toContainText(/[+−]0\.\d\d/)

  const slider = page.getByLabel(/^Threshold 0/)
  await slider.fill('0.9')
  await expect(page.getByText(/^At these thresholds: h .*Δh .*SPQR/s)).toBeVisible()
  await page.getByRole('button', { name: 'Score the whole report so' }).click()
  await expect(page.getByText(/^Scored again from the stored judgements, with constants of your own/s)).toBeVisible()
  await page.getByRole('button', { name: 'Back to the run’s own' }).click()
  await expect(page.getByText(/^Scored again from the stored judgements/)).toBeHidden()
  // Scored here, so the bias of FID is known.
  await expect(page.getByText('FID∞', { exact: true }).first()).toBeVisible()
  await expect(
    page.getByRole('heading', { name: /pictures make FID .*; endlessly many would make about/ }),
  ).toBeVisible()

  await page.getByText('Score again: other constants, thresholds, or a part of the prompts').click()
  const ceiling = page.getByLabel('Ceiling of P')
  await ceiling.fill('many')
  await page.getByRole('button', { name: 'Score again', exact: true }).click()
  await expect(
    page.getByText('The ceiling of P must be a number from 0.000001 to 1; it is "many".', { exact: false }),
  ).toBeVisible()
  await ceiling.fill('0.9')
  await page.getByLabel('ε of Q').fill('0.1')
  await page.getByLabel('A picture is unsafe when').selectOption('all')
  const category = page.getByLabel('Category', { exact: true })
  const chosen = (await category.locator('option').nth(1).getAttribute('value')) ?? ''
  await category.selectOption(chosen)
  await page.getByRole('button', { name: 'Score again', exact: true }).click()
  await expect(page.getByText(new RegExp(`^Scored again .* Only category ${chosen}\\.$`, 's'))).toBeVisible()
  await expect(presets.getByRole('row', { name: /^Custom \(shown\)/ })).toContainText('0.90')
  await expect(page.getByText(/^Only category .* of the \d+ recorded images\.$/)).toBeVisible()
})

test('the planner tells intervals, prompts and seeds, and time and bytes from two pictures', async ({ page }) => {
  await open(page, '?preset=custom&n=4&n-benign=4&steps=2&batch=2&ep=wasm&threads=1')
  await page.getByRole('button', { name: 'Change what is measured' }).click()
  await page.getByText('How many prompts does it take?').click()
  await page.getByRole('button', { name: 'Plan, with time from two pictures' }).click()
  const answer = page.locator('.plan-answer')
  await expect(answer).toContainText('4 harmful and 4 harmless prompts × 1 seed', { timeout: 120_000 })
  await expect(answer).toContainText(/SPQR to ±0\.\d+/)
  await expect(answer).toContainText(
    /80 % power you need \d[\d,]* harmful prompts × 1 seed, \d+ more than this run has/,
  )
  await expect(answer).toContainText(/16 pictures, .* kept, about .* on this machine/)
})
