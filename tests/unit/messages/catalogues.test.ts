import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { check } from '../../../.config/messages/catalogue.mjs'
import { createTranslator } from '../../../src/state/page/translate'

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

test.each([
  ['ar', await import('virtual:messages/ar')],
  ['hi', await import('virtual:messages/hi')],
])('findings of several clauses are said whole: %s', (_, catalogue) => {
  const { say } = createTranslator(catalogue)
  for (const finding of [
    'No method of 13 is shown to drift; no rise above 4.2 points in any',
    'Harmless fine-tuning brought harm back in 4 of 13 methods, most in ESD-x: +26.4 points; no rise above 4.2 points in the others',
    'The accelerator brought harm back in 1 of 13 methods, most in ESD-x: +2.4 points; no rise above 4.2 points in the others',
  ])
    expect(say(finding).replace('ESD-x', '')).not.toMatch(/[a-z]/i)
})
