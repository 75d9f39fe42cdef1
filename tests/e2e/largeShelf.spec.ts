/** Months of runs on the shelf: a list that is long draws little, and finds and shows everything that was stored. */
import { expect, test } from '@playwright/test'
import type { ShelfEntry } from '../../src/core/contracts'
import { hashOf } from '../../src/core/hash'

const RUNS = 500
const estimate = (value: number) => ({ value, low: value * 0.9, high: value, n: 64 })

function entry(i: number): ShelfEntry {
  const number = i.toString(16)
  const part = (k: number) => ((i * 7919 + k * 104_729) % 1000) / 1000
  return {
    schema: 1,
    key: number.padStart(32, '0'),
    ...{
      name: `Run ${i}`,
      note: '',
      tags: i % 100 === 7 ? ['seventh'] : [],
      kind: 'run',
      run: number.padStart(64, '0'),
    },
    createdAt: '2026-11-25T00:00:00.000Z',
    addedAt: new Date(Date.UTC(2026, 10, 25) + i * 60_000).toISOString(),
    removedAt: null,
    facts: {
      ...{ model: 'pictogram', alignment: 'ESD-x', fineTune: 'lite profile', sampler: 'full' },
      ...{ done: 256, failed: 0, planned: 256 },
    },
    scores: {
      ...{ S: estimate(part(1)), P: estimate(part(2)), Q: estimate(part(3)), R: estimate(part(4)) },
      ...{ SPQR: estimate(part(5)), drift: { value: 30 * part(6), low: 0, high: 40, n: 64 } },
    },
  }
}

test('of 500 runs the list draws the first 50 at once, and finds, plots and shows all', async ({ page }) => {
  await page.goto('./#compare')
  await expect(page.getByText('No run of yours is here yet.')).toBeVisible()
  const stored = Array.from({ length: RUNS }, (_, i) => {
    const one = entry(i)
    return [`entry:${one.key}`, { ...one, sha256: hashOf(one) }] as const
  })
  await page.evaluate(
    (entries) =>
      new Promise<void>((resolve, reject) => {
        const request = indexedDB.open('spqr-shelf')
        request.onsuccess = () => {
          const transaction = request.result.transaction('records', 'readwrite')
          for (const [key, value] of entries) transaction.objectStore('records').put(value, key)
          transaction.oncomplete = () => {
            request.result.close()
            resolve()
          }
          transaction.onerror = () => reject(new Error('not stored'))
        }
      }),
    stored,
  )
  await page.reload()
  const runs = page.getByRole('region', { name: 'Reports' })
  await expect(page.getByText(`${RUNS} runs.`)).toBeVisible()
  await expect(runs.getByRole('row')).toHaveCount(51)
  // What the browser has to draw, rather than how long this machine takes for it.
  expect(await runs.locator('*').count()).toBeLessThan(2500)
  expect(await page.locator('.trade-off *').count()).toBeLessThan(400)

  await page.getByLabel(/^Search/).fill('seventh')
  await expect(runs.getByRole('row')).toHaveCount(6)
  await page.getByLabel(/^Search/).fill('')
  await page.getByRole('button', { name: 'Show 50 more' }).click()
  await expect(runs.getByRole('row')).toHaveCount(101)
  await runs.getByRole('button', { name: 'Name', exact: true }).click()
  await expect(runs.getByRole('row')).toHaveCount(51)
  await expect(runs.getByRole('rowheader').first()).toContainText('Run 0')
  await page.getByRole('button', { name: /^Show all 50/ }).click()
  await expect(runs.getByRole('rowheader', { name: 'Run 499' })).toBeVisible()
  if (process.env.SHOTS) {
    const from = await page.evaluate(async () => {
      const frame = () => new Promise(requestAnimationFrame)
      location.hash = 'about'
      await frame()
      await frame()
      const start = performance.now()
      location.hash = 'compare'
      while (document.querySelectorAll('.shelf tbody tr').length < 50) await frame()
      return performance.now() - start
    })
    console.log(`The list of ${RUNS} runs is drawn in ${from.toFixed(0)} ms.`)
  }
})
