import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { looksLikeLink, readLinkParts } from '../../../../src/evaluation/share/mangled'
import { toBase64Url } from '../../../../src/evaluation/share/shareBytes'
import { sha256Hex } from '../../../../src/core/hash'

const link = readFileSync(new URL('../../../fixtures/0.1.0/esd-x.link.txt', import.meta.url), 'utf8').trim()
const fragment = link.slice(link.indexOf('#'))
const parts = readLinkParts(fragment)
const address = `https://example.org/spqr/${fragment}`

/** Deterministic numbers in [0, 1). */
function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** What channels do to a link. Each keeps every letter of the link itself. */
const CHANNELS: Record<string, (text: string, random: () => number) => string> = {
  'percent-encoded #': (text) => text.replace('#', '#%23'),
  'percent-encoded whole': (text) => text.replace(/[#._]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
  'percent-encoded twice': (text) => text.replace(/[.-]/g, (c) => `%25${c.charCodeAt(0).toString(16)}`),
  'HTML entities': (text) => text.replaceAll('.', '&#46;').replace('#', '&num;'),
  'wrapped with indents': (text, random) =>
    text.replace(/.{60,76}/g, (line) => (random() < 0.5 ? `${line}\n    ` : `${line}\r\n\t`)),
  'quoted in a mail': (text) => text.replace(/.{70}/g, (line) => `${line}\n> > `),
  'quoted-printable breaks': (text) => text.replace(/.{72}/g, (line) => `${line}=\r\n`),
  'soft hyphens': (text, random) => [...text].map((c) => (random() < 0.05 ? `${c}\u00ad` : c)).join(''),
  'zero-width spaces': (text, random) => [...text].map((c) => (random() < 0.05 ? `${c}\u200b` : c)).join(''),
  'upper-cased prefix': (text) =>
    text.replace(/#(%23)?([vs])1/, (_, __, letter: string) => `#${letter.toUpperCase()}1`),
  'spaces around': (text) => `  ${text}  `,
  'tracking behind': (text) => `${text}&amp;`,
  'full stop': (text) => `${text}.`,
  bracket: (text) => `${text})`,
  comma: (text) => `${text},`,
  'angle bracket': (text) => `${text}>`,
  'emphasis in Markdown': (text) => `${text}_`,
  'bold in Markdown': (text) => `${text}**`,
  'quotation mark': (text) => `${text}”`,
}
const names = Object.keys(CHANNELS)

describe('a link that only its channel changed opens', () => {
  test.each(names)('%s', (name) => {
    const sent = CHANNELS[name]?.(fragment, numbers(1)) ?? ''
    expect(sent).not.toBe(fragment)
    expect(readLinkParts(sent)).toEqual(parts)
    expect(looksLikeLink(sent)).toBe(true)
  })

  test('as a whole address', () => {
    expect(readLinkParts(address)).toEqual(parts)
  })

  test('2,000 pairs and triples of channels, on links of both kinds', () => {
    const random = numbers(20261128)
    const body = toBase64Url(Uint8Array.from({ length: 210 }, (_, i) => (i * 37) & 255))
    const short = `#s1.${body}.${sha256Hex('short').slice(0, 16)}`
    const want = readLinkParts(short)
    for (let i = 0; i < 2000; i++) {
      const kind = i % 10 === 0 ? fragment : short
      let text: string = kind
      const chain: string[] = []
      for (let k = 0; k < 2 + (i % 2); k++) {
        const name = names[Math.floor(random() * names.length)] ?? ''
        // One more layer of escapes than two is no channel that exists.
        if (chain.some((one) => one.includes('encoded') || one.includes('HTML')) && /encoded|HTML/.test(name)) continue
        chain.push(name)
        text = CHANNELS[name]?.(text, random) ?? text
      }
      expect(readLinkParts(text), chain.join(' → ')).toEqual(kind === short ? want : parts)
    }
  })
})

describe('what is no whole link says so', () => {
  test('a cut link was cut, wherever it was cut', () => {
    const random = numbers(7)
    for (let i = 0; i < 300; i++) {
      const cut = fragment.slice(0, 4 + Math.floor(random() * (fragment.length - 5)))
      expect(looksLikeLink(cut)).toBe(true)
      expect(() => readLinkParts(cut)).toThrow(/its end is missing, so it was cut/)
    }
  })

  test('something attached to the end is refused', () => {
    expect(() => readLinkParts(`${fragment}abc`)).toThrow(/attached to its end/)
    expect(() => readLinkParts(`${fragment}.more`)).toThrow(/attached to its end/)
  })

  test.each(['#run', '#about/formula-r', '#compare', '', '#', '#sample=abc', '#lesson/3', '#v', '#stage'])(
    'the address of a view (%s) is no link',
    (text) => {
      expect(looksLikeLink(text)).toBe(false)
    },
  )

  test.each(['#v1.', '#%23v1.abc', '#V1.abc', '#s1', `#${'A'.repeat(200)}`])('%s wants to be one', (text) => {
    expect(looksLikeLink(text)).toBe(true)
    expect(() => readLinkParts(text)).toThrow(/cannot be opened/)
  })
})
