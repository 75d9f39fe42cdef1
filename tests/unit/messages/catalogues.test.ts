import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { check } from '../../../.config/messages/catalogue.mjs'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

test('every translation has the places and the tags of its sentence', async () => {
  const { missing } = await check(ROOT)
  expect(missing.filter(({ problem }) => problem !== 'has no translation')).toEqual([])
})

/** While work goes on a few sentences may be new; a release has none without translation. */
const NEW_AT_MOST = 200

test('what the page says is said in every language, to the last sentence at a release', async () => {
  const { missing, stale } = await check(ROOT)
  const open = [...missing.filter(({ page }) => page), ...stale]
  const released = !/^## Unreleased/m.test(readFileSync(`${ROOT}/CHANGELOG.md`, 'utf8'))
  if (released) expect(open).toEqual([])
  else expect(open.length).toBeLessThanOrEqual(NEW_AT_MOST)
})
