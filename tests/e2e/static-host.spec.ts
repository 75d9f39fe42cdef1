/** A host that cannot set headers: the service worker isolates the page, under a sub-path, and works offline. */
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, type Page } from '@playwright/test'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
}

let server: Server
let origin: string
/** What the service worker of the next version has at its end. */
let version = ''

test.beforeAll(async () => {
  server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://host').pathname.replace(/^\/deep\/path\//, '/')
    const file = join(dist, path.endsWith('/') ? `${path}index.html` : path)
    if (!existsSync(file) || !statSync(file).isFile()) return void response.writeHead(404).end('not found')
    if (version !== '' && file.endsWith('service-worker.js'))
      return void response
        .writeHead(200, { 'content-type': 'text/javascript' })
        .end(`${readFileSync(file, 'utf8')}\n// ${version}`)
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' })
    createReadStream(file).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
test.afterAll(() => server.close())

test('becomes cross-origin isolated without headers, and opens offline on the second visit', async ({
  page,
  context,
}) => {
  await page.goto(`${origin}/deep/path/`)
  await expect
    .poll(() => page.evaluate(() => window.crossOriginIsolated).catch(() => false), { timeout: 120_000 })
    .toBe(true)
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()

  await page.reload()
  await context.setOffline(true)
  await page.reload()
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  expect(await page.evaluate(() => window.crossOriginIsolated)).toBe(true)
  // What the lesson downloads is stated by a file that nobody has asked for yet.
  expect(await page.evaluate(async () => Object.keys(await (await fetch('download.json')).json()))).toContain('pack')
})

test('a new version waits for other tabs, and then takes over', async ({ context }) => {
  const state = (page: Page) =>
    page
      .evaluate(async () => {
        const registration = await navigator.serviceWorker.getRegistration()
        return { waiting: registration?.waiting != null, active: registration?.active?.state ?? null }
      })
      .catch(() => null)
  const [first, second] = [await context.newPage(), await context.newPage()]
  for (const page of [first, second]) {
    await page.goto(`${origin}/deep/path/`)
    await expect
      .poll(
        () =>
          page
            .evaluate(() => navigator.serviceWorker.controller !== null && window.crossOriginIsolated)
            .catch(() => false),
        { timeout: 120_000 },
      )
      .toBe(true)
  }
  version = 'next'
  await first.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.update())
  await expect.poll(() => state(first), { timeout: 120_000 }).toEqual({ waiting: true, active: 'activated' })
  await second.reload()
  await expect(second.getByRole('heading', { level: 1 })).toBeVisible()
  expect(await state(second)).toEqual({ waiting: true, active: 'activated' })
  await first.close()
  // The page that was closed, or is being left, may still count for a moment; the next visit finds itself alone.
  await expect
    .poll(
      async () => {
        // The page reloads itself when the new version has taken over, which ends this reload.
        await second.reload().catch(() => null)
        return state(second)
      },
      // A reload ends what the one before began, so a slow machine needs time between them.
      { timeout: 120_000, intervals: [500, 2_000, 5_000, 10_000] },
    )
    .toEqual({ waiting: false, active: 'activated' })
  await expect(second.getByRole('heading', { level: 1 })).toBeVisible()
})

test('asks nothing of any other origin', async ({ page }) => {
  const foreign: string[] = []
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (url.origin !== origin && !['blob:', 'data:'].includes(url.protocol)) foreign.push(request.url())
  })
  await page.goto(`${origin}/deep/path/`)
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  expect(foreign).toEqual([])
})
