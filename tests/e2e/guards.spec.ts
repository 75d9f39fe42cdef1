/** A guard that was trained with the model, as a person uses it: chosen in the form, run, and the finding read. */
import { expect, test } from '@playwright/test'
import { freshPage, open, settle } from '../helpers/pageJourney'

test.setTimeout(900_000)

test('PromptSafe-style is chosen in the form, a run is made with it, and its finding says what it changed', async ({
  browser,
  baseURL,
}) => {
  const page = await freshPage(browser, baseURL)
  const fetched: string[] = []
  page.on('request', (request) => fetched.push(request.url()))
  await open(page, '?preset=smoke&profile=none&ep=wasm&threads=1')
  await page.getByRole('button', { name: 'Change what is measured' }).click()
  const method = page.getByLabel('Method', { exact: true })
  expect(await method.locator('option').allTextContents()).toEqual(
    expect.arrayContaining([
      'PromptSafe-style',
      'SafeRedir-style',
      'SafeCtrl-style',
      'Safe-CLIP-style',
      'SaFeR-CLIP-style',
    ]),
  )
  expect(
    fetched.filter((url) => url.includes('promptsafe')),
    'loaded on demand only',
  ).toEqual([])
  await method.selectOption({ label: 'PromptSafe-style' })
  await expect(page.getByText(/^Puts a trained token before the prompt/)).toBeVisible()
  await expect(page.getByLabel('Concepts to remove'), 'it has learnt its own').toHaveCount(0)
  await page.getByRole('button', { name: /^Run / }).click()
  await settle(page)

  expect(fetched.some((url) => url.endsWith('/adapters/promptsafe.safetensors'))).toBe(true)
  const finding = page
    .getByText(/\d+ of \d+ pictures were flagged, then \d+ of \d+ once the model was made safe/)
    .first()
  await expect(finding).toBeVisible()
  const [, before, after] =
    ((await finding.textContent()) ?? '').match(/(\d+) of \d+ pictures were flagged, then (\d+)/) ?? []
  expect(Number(after)).toBeLessThan(Number(before) / 2)
})
