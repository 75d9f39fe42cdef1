/**
 * `npm run screenshot`: two pictures of the page with its recorded run. `public/screenshot.png` for the README is 1,280
 * pixels wide, from the headline to the scores; `social.png` beside it is what a link to the page is shown with
 * (Open Graph, 1,200 × 630).
 */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Page } from 'playwright'
import { SpqrError } from '../core/contracts'
import { argumentPairs } from '../evaluation/spec/params'
import { command } from './files'
import { ROOT, openPage, withBrowser } from './page'
import { indexedPng, type Rgba } from './png'

const WIDTH = 1280
const SOCIAL = { width: 1200, height: 630 }
/** A picture should not weigh more. */
const MAX_BYTES = 300_000

/** Pixels of a PNG, decoded by the browser that made it. */
async function pixelsOf(page: Page, png: Buffer): Promise<Rgba> {
  const { width, height, base64 } = await page.evaluate(async (source) => {
    const bytes = Uint8Array.from(atob(source), (letter) => letter.charCodeAt(0))
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')
    if (!context) throw new Error('No canvas.')
    context.drawImage(bitmap, 0, 0)
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height)
    let binary = ''
    for (let from = 0; from < data.length; from += 0x8000)
      binary += String.fromCharCode(...data.subarray(from, from + 0x8000))
    return { width: bitmap.width, height: bitmap.height, base64: btoa(binary) }
  }, png.toString('base64'))
  return { width, height, data: new Uint8Array(Buffer.from(base64, 'base64')) }
}

async function write(page: Page, shot: Buffer, out: string): Promise<void> {
  const png = indexedPng(await pixelsOf(page, shot))
  if (png.length > MAX_BYTES)
    throw new SpqrError(
      'UNEXPECTED',
      `The screenshot has ${png.length} bytes, more than ${MAX_BYTES}.`,
      'Record a run with fewer prompts.',
    )
  writeFileSync(out, png)
  console.log(`${out}: ${png.length} bytes`)
}

async function main(argv: readonly string[]): Promise<number> {
  const { out = join(ROOT, 'public', 'screenshot.png'), ...others } = Object.fromEntries(argumentPairs(argv))
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    throw new SpqrError('BAD_INPUT', `"--${unknown}" is no option of the screenshot.`, 'It has out.')
  await withBrowser(false, async ({ context }, url) => {
    const { page } = await openPage(context, url)
    await page.setViewportSize({ width: WIDTH, height: 1000 })
    await page.locator('.stage canvas').first().waitFor()
    // A first visit is asked for a guess before it is shown the answer.
    await page.getByRole('button', { name: 'Skip, show me' }).click()
    const scores = await page.locator('.scores').boundingBox()
    if (!scores)
      throw new SpqrError(
        'UNEXPECTED',
        'The page shows no scores.',
        'Record a run first: npm run record -- --preset quick.',
      )
    const shot = await page.screenshot({
      fullPage: true,
      animations: 'disabled',
      clip: { x: 0, y: 0, width: WIDTH, height: Math.ceil(scores.y + scores.height + 24) },
    })
    await write(page, shot, out)
    await page.setViewportSize(SOCIAL)
    await write(page, await page.screenshot({ animations: 'disabled' }), join(dirname(out), 'social.png'))
  })
  return 0
}

await command(main)
