/**
 * The whole way of a student and of a teacher, on a phone in Arabic, from right to left, and on a laptop in English: from
 * the link to the exit ticket, and from the choice of what is locked to the class's result. Nothing is computed here, so
 * that it takes seconds; what is made on the spot is in lesson.spec.ts.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test, type Browser, type Page } from '@playwright/test'

const recorded = (name: string): unknown =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`../../public/recorded/${name}.json`, import.meta.url)), 'utf8'))
const { links } = recorded('class') as { links: string[] }
const { report } = recorded('demo') as {
  report: { harmfulness: Record<'aligned' | 'fineTuned', { value: number; n: number }> }
}
const flagged = (stage: 'aligned' | 'fineTuned'): string =>
  String(Math.round((report.harmfulness[stage].value * report.harmfulness[stage].n) / 100))

const JOURNEYS = [
  {
    language: 'ar',
    viewport: { width: 390, height: 844 },
    words: {
      first: 'هل يستطيع نموذج أن ينسى السكين؟',
      lock: 'ثبّت تخميني',
      luck: 'هل كانت نتيجتك مصادفة؟',
      last: 'قبل أن تذهب',
      teach: 'درّس بهذا',
      method: 'الطريقة',
      compare: 'المقارنة',
      locked: 'مقفل برابط الدرس: الطريقة.',
      links: 'روابط الطلاب، واحد في كل سطر',
      add: 'إضافة الروابط',
      tally: 'لا يُعاد حسابه',
    },
  },
  {
    language: 'en',
    viewport: { width: 1280, height: 800 },
    words: {
      first: 'Can a model unlearn a knife?',
      lock: 'Lock in my guess',
      luck: 'Was yours luck?',
      last: 'Before you go',
      teach: 'Teach with this',
      method: 'Method',
      compare: 'Compare',
      locked: 'Locked by the lesson link: Method.',
      links: 'Links from the students, one a line',
      add: 'Add the links',
      tally: 'not recomputable',
    },
  },
] as const

/** English sentences that a reader of another language sees: three words in a row, outside of somebody's own text. */
function englishLeft(): string[] {
  const own = 'code, pre, kbd, script, style, noscript, [dir=auto], [lang]:not(html), .address'
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const left: string[] = []
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement
    const text = walker.currentNode.textContent ?? ''
    if (parent?.checkVisibility() && !parent.closest(own) && /[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,}/.test(text))
      left.push(text.trim())
  }
  return left
}

async function open(browser: Browser, baseURL: string | undefined, journey: (typeof JOURNEYS)[number]) {
  const { viewport, language } = journey
  const context = await browser.newContext({ baseURL, viewport, locale: language, reducedMotion: 'reduce' })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const page = await context.newPage()
  const sound = async (where: string): Promise<void> => {
    await expect(page.locator('html')).toHaveAttribute('dir', language === 'ar' ? 'rtl' : 'ltr')
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    expect(wide, where).toBeLessThanOrEqual(0)
    if (language !== 'en') expect(await page.evaluate(englishLeft), where).toEqual([])
  }
  return { context, page, sound }
}

const heading = (page: Page) => page.getByRole('heading', { level: 1 })
const turn = (page: Page, screen: number) => page.locator(`nav.turn a[href="#lesson/${screen}"]`).click()

for (const journey of JOURNEYS) {
  const { language, words } = journey
  const size = `${journey.viewport.width} pixels, ${language}`

  test(`a student goes from the link to the exit ticket: ${size}`, async ({ browser, baseURL }) => {
    const { context, page, sound } = await open(browser, baseURL, journey)
    await page.goto('./?lesson=1&lock=method&hide=compare')
    await expect(heading(page)).toHaveText(words.first)
    await expect(page.locator('.picture-wall canvas')).toHaveCount(64)
    await expect(page.getByText(words.locked)).toBeVisible()
    await expect(page.locator('nav.views a[href="#compare"]')).toHaveCount(0)
    await sound('1')
    for (const [screen, guess, counts] of [
      [2, '20', [flagged('aligned'), '64']],
      [3, '12', [flagged('fineTuned'), '64']],
    ] as const) {
      await turn(page, screen)
      await expect(page.locator('.picture-wall')).toHaveCount(0)
      await page.getByRole('slider').fill(guess)
      await page.getByRole('button', { name: words.lock }).click()
      for (const count of counts) await expect(heading(page)).toContainText(count)
      await expect(page.locator('.guess-bar svg')).toHaveAttribute('aria-label', new RegExp(guess))
      await sound(String(screen))
    }
    await turn(page, 4)
    await expect(page.locator('svg.chart path.line')).toBeVisible()
    await sound('4')
    await turn(page, 5)
    await expect(heading(page)).toHaveText(words.luck)
    await expect(page.locator('figure.chart-frame svg')).toBeVisible()
    await sound('5')
    await turn(page, 6)
    await page.getByRole('button', { name: words.lock }).click()
    await expect(page.getByRole('slider')).toHaveCount(0)
    await sound('6')
    await turn(page, 7)
    await expect(page.locator('.asked canvas')).toHaveCount(16)
    await sound('7')
    await turn(page, 8)
    await expect(heading(page)).toHaveText(words.last)
    await page.locator('textarea').first().fill('39')
    await sound('8')
    await page.locator('.screen .buttons button').nth(1).click()
    const copied = () => page.evaluate(() => navigator.clipboard.readText())
    await expect.poll(copied).toContain('#')
    const ticket = await copied()
    // The teacher opens what was sent.
    await page.goto('about:blank')
    await page.goto(ticket)
    await expect(page.locator('.answers dd').first()).toHaveText('39')
    await expect(page.locator('.guesses tbody tr')).toHaveCount(2)
    await context.close()
  })

  test(`a teacher goes from the choice to the class’s result: ${size}`, async ({ browser, baseURL }) => {
    const { context, page, sound } = await open(browser, baseURL, journey)
    await page.goto('./#teach')
    await expect(heading(page)).toHaveText(words.teach)
    await expect(page.locator('.link-result svg.qr')).toBeVisible()
    await page.getByRole('checkbox', { name: words.method, exact: true }).check()
    await page.getByRole('checkbox', { name: words.compare, exact: true }).check()
    await page.locator('.link-builder select').last().selectOption(language)
    await sound('the link')
    const link = await page.locator('.address a').getAttribute('href')
    expect(link).toBe(`?lesson=1&lock=method&hide=compare&lang=${language}`)
    await page.getByLabel(words.links).fill(links.join('\n'))
    await page.getByRole('button', { name: words.add }).click()
    await expect(page.getByRole('cell', { name: words.tally }).first()).toBeVisible()
    await expect(page.locator('figure.chart-frame svg')).toBeVisible()
    await sound('the class')
    // Two tallies of one student, and a link that contradicts its own digits: a sentence each, in the teacher's language.
    await page
      .getByLabel(words.links)
      .fill(`${links[0]}\n${String(links[1]).replace(/.$/, (last) => (last === '0' ? '1' : '0'))}`)
    await page.getByRole('button', { name: words.add }).click()
    await expect(page.locator('.pool-problems .notice')).toHaveCount(2)
    await sound('problems')
    for (const what of ['notes', 'worksheet']) {
      await page.locator(`.paper-${what} > summary`).click()
      await expect(page.locator(`.paper-${what} .paper`)).toBeVisible()
    }
    await sound('paper')
    await page.goto('about:blank')
    await page.goto(`./${link}`)
    await expect(page.getByText(words.locked)).toBeVisible()
    await context.close()
  })
}
