/** A published page tells who links to it its address and picture; one that is published nowhere tells none. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { addressTags } from '../../.config/pageAddress.mjs'

const file = (path: string): URL => new URL(`../../${path}`, import.meta.url)

test('canonical address, Open Graph address and picture follow from PAGE_URL', () => {
  const tags = addressTags('https://example.org/spqr-web/').map(({ attrs }) => attrs)
  expect(tags).toContainEqual({ rel: 'canonical', href: 'https://example.org/spqr-web/' })
  expect(tags).toContainEqual({ property: 'og:url', content: 'https://example.org/spqr-web/' })
  expect(tags).toContainEqual({ property: 'og:image', content: 'https://example.org/spqr-web/social.png' })
})

test('the picture is there, in the size that the tags state', () => {
  expect(existsSync(file('public/social.png'))).toBe(true)
  const png = readFileSync(file('public/social.png'))
  const size = (name: string) =>
    Number(
      addressTags('https://example.org/').find(({ attrs }) => attrs?.property === `og:image:${name}`)?.attrs?.content,
    )
  // Width and height are the first fields of a PNG's header.
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([size('width'), size('height')])
})

test('without an address there are no tags', () => {
  expect(addressTags(undefined)).toEqual([])
  expect(addressTags('')).toEqual([])
})

test.each([
  'example.org/',
  'ftp://example.org/',
  'https://example.org/page',
  'https://example.org/?a=1/',
  'javascript:1/',
])('"%s" is refused', (address) => {
  expect(() => addressTags(address)).toThrow(/PAGE_URL must be an address/)
})

test('robots may read the page', () => {
  expect(readFileSync(file('public/robots.txt'), 'utf8')).toBe('User-agent: *\nAllow: /\n')
})
