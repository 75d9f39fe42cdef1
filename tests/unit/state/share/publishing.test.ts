/** A published report lacks its link only where it can have none: whoever publishes is told what could not be loaded. */
import { expect, test } from 'vitest'
import { SpqrError } from '../../../../src/core/contracts'
import type { Services } from '../../../../src/state/page/services'
import { linkCodec } from '../../../../src/state/share/codec'
import { Publishing } from '../../../../src/state/share/publishing.svelte'
import type { Sharing } from '../../../../src/state/share/sharing.svelte'
import { desk, scored } from '../report/scored'

function publishing(address: () => string) {
  const services = { statistics: { away: () => 0 } } as unknown as Services
  return new Publishing(services, desk().exhibit, {
    address,
  } as unknown as Sharing)
}
const fails = (code: 'LINK_TOO_LARGE' | 'DOWNLOAD_FAILED') => () => {
  throw new SpqrError(code, 'There is no link.', 'Try again.')
}

test('what makes links is loaded before it is asked', async () => {
  const made = await publishing(() => (linkCodec(), 'https://example.org/#s1.link')).files(scored(), 'html')
  expect(JSON.stringify(made)).toContain('https://example.org/#s1.link')
})

test('a run without a link is published without one, and a failed download is said', async () => {
  expect(await publishing(fails('LINK_TOO_LARGE')).files(scored(), 'html')).not.toBeNull()
  const view = publishing(fails('DOWNLOAD_FAILED'))
  await expect(view.files(scored(), 'html')).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
  })
  expect(view.busy).toBe(false)
})
