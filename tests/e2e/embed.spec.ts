/** Results inside pages of other sites: read and recomputed there, where the browser refuses locks. */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { expect, test, type Page } from '@playwright/test'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const FULL = read('tests/fixtures/link-v2/demo.link.txt').trim()

let server: Server
/** What the other site's page frames. */
let framed = ''
let sandbox = ''
test.beforeAll(async () => {
  server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(
      `<!doctype html><html lang="en"><title>A blog</title><main><h1>A blog</h1><iframe title="A result" width="720" height="900" ${sandbox} src="${framed}"></iframe></main></html>`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
})
test.afterAll(() => server.close())

async function frame(page: Page, base: string, link: string, attributes = '') {
  sandbox = attributes
  framed = `${base}?embed=1${link}`
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the other site is not served')
  // Another host than 127.0.0.1 is another site: storage is partitioned there.
  await page.goto(`http://localhost:${address.port}/`)
  return page.frameLocator('iframe')
}

test('a full link in an iframe of another site is recomputed there', async ({ page, baseURL }) => {
  const inside = await frame(page, baseURL ?? '', FULL)
  await expect(inside.getByText('Recomputed from 256 samples: equal.')).toBeVisible()
  await expect(inside.getByRole('heading', { level: 1 })).toContainText(/%|flagged|harm/i)
  await expect(inside.getByRole('navigation')).toHaveCount(0)
  await expect(inside.getByRole('link', { name: 'Open in full' })).toHaveAttribute('href', (baseURL ?? '') + FULL)
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/embed.png` })
})

test('where the frame has no origin and the browser refuses all storage, it is recomputed all the same', async ({
  page,
  baseURL,
}) => {
  const problems: string[] = []
  page.on('pageerror', ({ message }) => problems.push(message))
  const inside = await frame(page, baseURL ?? '', FULL, 'sandbox="allow-scripts"')
  await expect(inside.getByText('Recomputed from 256 samples: equal.')).toBeVisible()
  await expect(inside.getByRole('alert')).toHaveCount(0)
  expect(problems).toEqual([])
})

test('a short link in an iframe is a claim, said to be unchecked, and leads to where it can be made', async ({
  page,
  baseURL,
}) => {
  const [link = ''] = (JSON.parse(read('public/recorded/class.json')) as { links: string[] }).links
  const inside = await frame(page, baseURL ?? '', link.slice(link.indexOf('#')))
  await expect(inside.getByRole('heading', { name: 'A claim from a link: not checked yet' })).toBeVisible()
  await expect(inside.getByRole('row', { name: /The link says/ })).toContainText(/\d+ of 32/)
  await expect(inside.getByText(/Open it in full to make the run/)).toBeVisible()
  const hash = link.slice(link.indexOf('#'))
  await expect(inside.getByRole('link', { name: 'Open in full' })).toHaveAttribute('href', (baseURL ?? '') + hash)
  await expect(inside.getByRole('region', { name: 'Scores' })).toHaveCount(0)
})
