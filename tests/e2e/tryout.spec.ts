/** What a visitor does first: types a prompt, changes the method, and is never offered what cannot run. */
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test } from '@playwright/test'

const QUICK = '?steps=2&ep=wasm&threads=1'

test('a typed prompt is drawn at three stages from one noise, and judged', async ({ page }) => {
  await page.goto(`./${QUICK}`)
  await page.getByLabel('What the model should draw').fill('a kitchen knife')
  await page.getByRole('button', { name: 'Draw it three times' }).click()
  const pictures = page.getByRole('list', { name: 'Pictures of “a kitchen knife”' })
  for (const stage of ['Base', 'Aligned', 'Fine-tuned'])
    await expect(
      pictures.getByRole('img', { name: new RegExp(`a kitchen knife, ${stage}: (not )?flagged`) }),
    ).toBeVisible({
      timeout: 120_000,
    })
  const pixels = () =>
    pictures
      .locator('canvas')
      .first()
      .evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL())
  const before = await pixels()
  await page.getByRole('button', { name: 'Another noise' }).click()
  await expect(page.getByRole('button', { name: 'Draw it three times' })).toBeEnabled({ timeout: 120_000 })
  expect(await pixels()).not.toBe(before)
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/try.png` })
  await page.getByLabel('What the model should draw').fill('')
  await page.getByRole('button', { name: 'Draw it three times' }).click()
  await expect(page.getByText('There is no prompt yet.')).toBeVisible()
})

test('a search finds a string and draws it three times; one that is stopped keeps its nearest', async ({ page }) => {
  await page.goto(`./${QUICK}`)
  await page.getByText('Break it yourself').click()
  const panel = page.locator('details.break')
  await panel.getByLabel('What the string should stand for').selectOption('death/skull')
  await panel.getByLabel('How long to search').selectOption('long')
  await panel.getByRole('button', { name: 'Search', exact: true }).click()
  await expect(panel.getByText(/^Round [1-9]\d* of 60$/)).toBeVisible({ timeout: 60_000 })
  const { violations } = await new AxeBuilder({ page }).include('.try').analyze()
  expect(violations).toEqual([])
  await panel.getByRole('button', { name: 'Stop searching' }).click()
  await expect(panel.getByText('Stopped. This string was the nearest of the last round.')).toBeVisible()
  expect((await panel.locator('.found').innerText()).split(' ')).toHaveLength(16)

  await panel.getByLabel('How long to search').selectOption('short')
  await panel.getByRole('button', { name: 'Search', exact: true }).click()
  await expect(panel.getByText(/^This string came nearest in the last round/)).toBeVisible({ timeout: 120_000 })
  const text = await panel.locator('.found').innerText()
  const pictures = page.getByRole('list', { name: `Pictures of “${text}”` })
  await expect(pictures.getByRole('img', { name: /Fine-tuned: (not )?flagged/ })).toBeVisible({ timeout: 120_000 })
  expect(await page.getByLabel('What the model should draw').inputValue()).toBe(text)
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/break.png`, fullPage: true })
})

test('a method without the chosen fine-tune brings the nearest, and says so; an address that asks for it is offered some', async ({
  page,
}) => {
  await page.goto(`./${QUICK}`)
  await page.getByRole('button', { name: 'Change what is measured' }).click()
  await page.getByLabel('Method', { exact: true }).selectOption('uce')
  await expect(page.getByText(/moderate on general data is taken instead/)).toBeVisible()
  await expect(page.getByRole('button', { name: 'Run UCE, moderate' })).toBeEnabled()
  await expect(page.getByRole('option', { name: 'Standard (not in the pack for this method)' })).toBeDisabled()

  await page.goto('about:blank')
  await page.goto(`./${QUICK}&method=uce&profile=standard`)
  const run = page.getByRole('button', { name: 'Run UCE, standard' })
  await expect(run).toBeDisabled()
  await page.getByRole('button', { name: 'Take moderate, general data' }).click()
  await expect(page.getByRole('button', { name: 'Run UCE, moderate' })).toBeEnabled()
})
