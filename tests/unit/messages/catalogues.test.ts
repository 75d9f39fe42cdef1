import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { check } from '../../../.config/messages/catalogue.mjs'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

test('every translation has the places and the tags of its sentence', async () => {
  const { missing } = await check(ROOT)
  expect(missing.filter(({ problem }) => problem !== 'has no translation')).toEqual([])
})

test('what the page says is said in every language, and nothing is translated that it no longer says', async () => {
  const { missing, stale } = await check(ROOT)
  expect(missing.filter(({ page }) => page)).toEqual([])
  expect(stale).toEqual([])
})
