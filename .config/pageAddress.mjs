/** What a page says of itself to those who link to it, once it is known where it is published. */

const PICTURE = { file: 'social.png', width: 1200, height: 630, alt: 'The page: base, aligned and fine-tuned pictures' }

/**
 * Tags for the head of index.html.
 * @param {string | undefined} address PAGE_URL: where the page is published, with a slash at its end; undefined: unknown
 * @throws Error for an address that is none
 */
export function addressTags(address) {
  if (!address) return []
  const problem = `PAGE_URL must be an address such as https://example.org/spqr-web/ (http or https, with a slash at its end); it is "${address}".`
  if (!URL.canParse(address)) throw new Error(problem)
  const { protocol, search, hash, href } = new URL(address)
  if (!/^https?:$/.test(protocol) || search + hash !== '' || !href.endsWith('/')) throw new Error(problem)
  const meta = (property, content) => ({ tag: 'meta', attrs: { property, content: String(content) }, injectTo: 'head' })
  return [
    { tag: 'link', attrs: { rel: 'canonical', href }, injectTo: 'head' },
    meta('og:url', href),
    meta('og:image', href + PICTURE.file),
    meta('og:image:width', PICTURE.width),
    meta('og:image:height', PICTURE.height),
    meta('og:image:alt', PICTURE.alt),
  ]
}

/** Vite plug-in: a build with PAGE_URL knows its address; any other leaves the tags out, for a relative one is ignored. */
export const pageAddress = () => ({
  name: 'page-address',
  transformIndexHtml: () => addressTags(process.env.PAGE_URL),
})
