/** Of several links that are asked for, the last one counts. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Report } from '../../../../src/core/contracts'
import { encodeShortLink } from '../../../../src/evaluation/share/shortLink'
import { Claims } from '../../../../src/state/share/claims.svelte'
import { recipePack } from '../../../helpers/pictogram'

function linkOf(name: string): string {
  const path = new URL(`../../../fixtures/0.1.0/${name}.report.json`, import.meta.url)
  const report = JSON.parse(readFileSync(path, 'utf8')) as Report
  const { manifestSha256 } = report.spec.model
  return encodeShortLink(report, 'pictogram', recipePack({ manifestSha256 }))
}
const [first, second] = [linkOf('esd-x'), linkOf('uce-live')]

async function methodOf(link: string): Promise<string | undefined> {
  const claims = new Claims()
  await claims.open(link)
  return claims.claim?.method
}

test('a short link that is still being read does not replace what was opened or closed after it', async () => {
  const [one, other] = [await methodOf(first), await methodOf(second)]
  expect(one).not.toBe(other)
  for (const then of [(claims: Claims) => claims.abandon(), (claims: Claims) => claims.close()]) {
    const claims = new Claims()
    const opening = claims.open(first)
    then(claims)
    await opening
    expect(claims.claim).toBeNull()
    await claims.open(second)
    expect(claims.claim?.method).toBe(other)
  }
})

test('what is open stays open where another link is given up, or is none', async () => {
  const claims = new Claims()
  await claims.open(first)
  const method = claims.claim?.method
  const opening = claims.open(second)
  claims.abandon()
  await opening
  await expect(claims.open('#s1.AAAA.0000')).rejects.toMatchObject({
    code: 'LINK_INVALID',
  })
  expect(claims.claim?.method).toBe(method)
})
