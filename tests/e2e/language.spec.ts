/** The page in other languages: Arabic from right to left, and a choice that stays. */
import { expect, test } from '@playwright/test'

test('in Arabic the page runs from right to left', async ({ page }) => {
  await page.goto('./?lang=ar')
  await expect(page.locator('html')).toHaveAttribute('dir', 'rtl')
  await expect(page.locator('html')).toHaveAttribute('lang', 'ar')
  await expect(page).toHaveTitle(/هل يبقى نموذج الصور الآمن آمنًا/)
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('هل يبقى نموذج الصور الآمن آمنًا؟')
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
})

test('the language chosen in the menu stays; an address with another one wins once', async ({ page }) => {
  await page.goto('./')
  await expect(page.locator('html')).toHaveAttribute('lang', 'en')
  await page.getByLabel('Language').selectOption('fr')
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Un modèle d’images sûr reste-t-il sûr ?')
  await page.reload()
  await expect(page.locator('html')).toHaveAttribute('lang', 'fr')
  await expect(page.getByLabel('Langue')).toHaveValue('fr')

  await page.goto('./?lang=hi')
  await expect(page.locator('html')).toHaveAttribute('lang', 'hi')
  await page.getByLabel('भाषा').selectOption('es')
  await expect(page).toHaveURL(/[?&]lang=es/)
  await expect(page.locator('html')).toHaveAttribute('dir', 'ltr')
  await expect(page.getByLabel('Idioma')).toHaveValue('es')
})
