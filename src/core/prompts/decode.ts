/** Bytes of a prompt file → text: UTF-8, UTF-16 with its mark, else the Latin-1 of older spreadsheets. */

/** The parts of TextDecoder that are used; core knows no DOM, every place that runs it has one. */
type Decoder = new (label: string, options?: { fatal?: boolean }) => { decode(bytes: Uint8Array): string }

/** Bytes that are looked at to tell an encoding; a header stands among them. */
const LOOKED = 20_000

export interface Decoded {
  text: string
  note: string | null
}

export function decodePromptFile(name: string, bytes: Uint8Array, TextDecoder: Decoder): Decoded {
  const [first, second] = bytes
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return { text: new TextDecoder(first === 0xff ? 'utf-16le' : 'utf-16be').decode(bytes), note: null }
  }
  const unmarked = utf16WithoutMark(bytes)
  if (unmarked !== null) {
    return {
      text: new TextDecoder(unmarked).decode(bytes),
      note: `"${name}" has no mark of its encoding and was read as UTF-16.`,
    }
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), note: null }
  } catch {
    return {
      text: new TextDecoder('windows-1252').decode(bytes),
      note: `"${name}" is not in UTF-8 and was read as Latin-1; if letters with accents look wrong, save it as UTF-8.`,
    }
  }
}

/** Pairs with a zero byte that make a text UTF-16: at least so many, and this share: a stray zero byte is none. */
const FEWEST_PAIRS = 3
const SMALLEST_SHARE = 0.02

/**
 * UTF-16 without its mark: UTF-8 holds no zero byte, and texts of every script have line ends, blanks or the Latin letters
 * of a header, whose other byte is zero: the second one in little-endian order. Line ends and blanks tell the order first:
 * their swapped bytes are hardly ever a letter, while those of a Latin letter may be one (U+4E00).
 */
function utf16WithoutMark(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | null {
  const isBlank = (byte: number) => byte === 9 || byte === 10 || byte === 13 || byte === 32
  const isLatin = (byte: number) => isBlank(byte) || (byte > 32 && byte < 127)
  const little = { all: 0, blanks: 0 }
  const big = { all: 0, blanks: 0 }
  const pairs = Math.floor(Math.min(bytes.length, LOOKED) / 2)
  for (let pair = 0; pair < pairs; pair++) {
    const [first = 0, second = 0] = [bytes[2 * pair], bytes[2 * pair + 1]]
    const [order, byte] = second === 0 ? [little, first] : [big, second]
    if ((first !== 0 && second !== 0) || !isLatin(byte)) continue
    order.all++
    if (isBlank(byte)) order.blanks++
  }
  const seen = little.blanks === big.blanks ? ([little.all, big.all] as const) : ([little.blanks, big.blanks] as const)
  if (little.all + big.all < Math.max(FEWEST_PAIRS, SMALLEST_SHARE * pairs)) return null
  if (Math.min(...seen) * 3 > Math.max(...seen)) return null
  return seen[0] > seen[1] ? 'utf-16le' : 'utf-16be'
}
