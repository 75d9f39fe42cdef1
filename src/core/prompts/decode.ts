/** Bytes of a prompt file → text: UTF-8, UTF-16 with its mark, else the Latin-1 of older spreadsheets. */

/** The parts of TextDecoder that are used; core knows no DOM, every place that runs it has one. */
type Decoder = new (label: string, options?: { fatal?: boolean }) => { decode(bytes: Uint8Array): string }

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

/** UTF-16 without its mark: in texts of mostly Latin letters every second byte is zero, which UTF-8 never has. */
function utf16WithoutMark(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | null {
  const looked = Math.min(bytes.length, 2000)
  const zeros = [0, 0]
  for (let i = 0; i < looked; i++) if (bytes[i] === 0) zeros[i % 2]! += 1
  const [even = 0, odd = 0] = zeros
  if (Math.max(even, odd) < looked / 8 || Math.min(even, odd) > looked / 100) return null
  return odd > even ? 'utf-16le' : 'utf-16be'
}
