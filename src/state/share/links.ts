/** Everything that reads and writes links, as one part of the page. */
export { decodeLink, encodeLink } from '../../evaluation/share/share'
export { checkClaim, decodeShortLink, encodeShortLink } from '../../evaluation/share/shortLink'
export { checkReport } from '../../evaluation/share/sameSamples'
