/**
 * Result links as they come back from chats, mails and papers: escaped, wrapped, quoted, with a full stop behind them.
 * Everything that such a channel adds can be taken away without guessing, because a link has three parts of known
 * letters and ends in check digits.
 */
import { SpqrError } from '../../core/contracts'

/** Kinds that this version reads: with every sample, and a claim. */
const KINDS = ['v1', 'v2', 's1']
/** Hexadecimal digits of the SHA-256 of a link's data that stand at its end. */
export const CHECK_DIGITS = 16

/** A link's kind (`v1`, `v2`: with every sample; `s1`: a claim), its data and its check digits, free of what channels added. */
export interface LinkParts {
  kind: string
  body: string
  check: string
}

/** Letters that show nothing: soft hyphen, zero-width spaces and joiners, direction marks, byte-order mark. */
const INVISIBLE = /[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]/g
/** Where a link begins: at the start, or behind `#`. */
const BEGINNING = /(?:^|#)([vs]\d{1,3})\./i
/** Longest text that is looked at, in characters. */
export const MAX_LINK_LENGTH = 2_000_000

/** Without line breaks (with what stands at line ends and beginnings of mails), spaces and letters that show nothing. */
function joined(text: string): string {
  return text
    .replace(INVISIBLE, '')
    .replace(/=?\r?\n[\s>|]*/g, '')
    .replace(/\s+/g, '')
}

function unescaped(text: string): string {
  let now = joined(text)
  // A link that went through two channels is escaped twice; more than that is no link.
  for (let pass = 0; pass < 3; pass++) {
    const before = now
    now = now
      .replace(/&(?:amp|#38|#x26);/gi, '&')
      .replace(/&(?:num|#35|#x23);/gi, '#')
      .replace(/&(?:period|#46|#x2e);/gi, '.')
      .replace(/&(?:shy|#173|#xad|zwnj|zwj|ZeroWidthSpace);/gi, '')
      .replace(/%([0-9a-f]{2})/gi, (whole, hex: string) => {
        const code = Number.parseInt(hex, 16)
        return code < 0x80 ? String.fromCharCode(code) : whole
      })
    if (now === before) break
  }
  // Soft hyphens and zero-width spaces, percent-encoded as UTF-8.
  return joined(now.replace(/%C2%AD|%E2%80%8[B-F]|%EF%BB%BF|%E2%81%A0/gi, ''))
}

/** Whether a text wants to be a result link, however damaged: then it must never be shown as anything else. */
export function looksLikeLink(fragment: string): boolean {
  if (fragment.length > MAX_LINK_LENGTH) return true
  const text = unescaped(fragment).replace(/^#+/, '')
  return /^[vs]\d{1,3}(\.|$)/i.test(text) || /^[\w-]{120,}/.test(text)
}

/**
 * Reads the parts of a link out of a whole address or a fragment. Line breaks with indents and quote marks, `=` at line
 * ends, escapes, invisible letters, an upper-cased prefix and punctuation behind the link are taken away.
 * @throws {SpqrError} LINK_TOO_LARGE, or LINK_INVALID that says whether the link was cut.
 */
export function readLinkParts(given: string): LinkParts {
  if (given.length > MAX_LINK_LENGTH) {
    throw new SpqrError(
      'LINK_TOO_LARGE',
      `The result link is ${(given.length / 1e6).toFixed(1)} MB long; at most ${MAX_LINK_LENGTH / 1e6} MB are read.`,
      'Ask for the exported report file instead.',
    )
  }
  const text = unescaped(given)
  const beginning = BEGINNING.exec(text)
  if (!beginning) throw invalidLink('it is incomplete or no result link')
  const kind = (beginning[1] ?? '').toLowerCase()
  if (!KINDS.includes(kind)) {
    throw new SpqrError(
      'LINK_INVALID',
      `The result link has format ${kind}; this page reads ${KINDS.join(', ')}.`,
      'Reload the page to get its newest version, then open the link again.',
    )
  }
  const [body = '', behind] = splitAtDot(text.slice(beginning.index + beginning[0].length))
  const check = /^[0-9a-f]*/i.exec(behind ?? '')?.[0].toLowerCase() ?? ''
  if (behind === null || check.length < CHECK_DIGITS) {
    throw invalidLink('its end is missing, so it was cut where it was shared')
  }
  const tail = (behind ?? '').slice(CHECK_DIGITS)
  // Letters straight behind the check digits are data of another kind; behind `&` they are what trackers append.
  if (/[a-z0-9]/i.test(tail) && !/^[^a-z0-9]*[&?]/i.test(tail))
    throw invalidLink('something else is attached to its end')
  return { kind, body, check: check.slice(0, CHECK_DIGITS) }
}

function splitAtDot(text: string): [string, string | null] {
  const at = text.indexOf('.')
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)]
}

/** LINK_INVALID: a link that cannot be opened, and why. */
export function invalidLink(what: string): SpqrError {
  return new SpqrError(
    'LINK_INVALID',
    `The result link cannot be opened: ${what}.`,
    'Copy the whole link again from where it was shared.',
  )
}
