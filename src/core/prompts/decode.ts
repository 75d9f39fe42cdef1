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

/**
 * UTF-16 without its mark: UTF-8 holds no zero byte, and texts of every script have line ends, blanks or the Latin letters
 * of a header, whose other byte is zero: the second one in little-endian order.
 */
function utf16WithoutMark(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | null {
  const isLatin = (byte: number) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127)
  let [little, big] = [0, 0]
  for (let i = 0; i + 1 < Math.min(bytes.length, LOOKED); i += 2) {
    const [first = 0, second = 0] = [bytes[i], bytes[i + 1]]
    if (second === 0 && isLatin(first)) little++
    if (first === 0 && isLatin(second)) big++
  }
  if (Math.min(little, big) * 3 > Math.max(little, big) || little === big) return null
  return little > big ? 'utf-16le' : 'utf-16be'
}
