/** Text ↔ bytes of a link: base64url (RFC 4648 §5, no padding), bounded inflation. */
import { Gunzip, Inflate, strFromU8 } from 'fflate'
import { SpqrError } from '../../core/contracts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, value]))

/** Header, an empty block and trailer. */
const SHORTEST_GZIP = 20

export function toBase64Url(bytes: Uint8Array): string {
  const parts: string[] = []
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(i, i + 3)
    const word = (a << 16) | (b << 8) | c
    const letters = [18, 12, 6, 0].map((shift) => ALPHABET[(word >> shift) & 63] ?? '')
    parts.push(letters.slice(0, Math.min(3, bytes.length - i) + 1).join(''))
  }
  return parts.join('')
}

/** Bytes of base64url text, or null when it is not the one canonical spelling of some bytes. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length % 4 === 1) return null
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  let at = 0
  for (let i = 0; i < text.length; i += 4) {
    let word = 0
    for (let k = 0; k < 4; k++) {
      const letter = text[i + k]
      const value = letter === undefined ? 0 : VALUES.get(letter)
      if (value === undefined) return null
      word = (word << 6) | value
    }
    for (const shift of [16, 8, 0]) {
      if (at < bytes.length) bytes[at++] = (word >> shift) & 255
      // Bits beyond the last byte must be zero, or two texts would mean the same bytes.
      else if (((word >> shift) & 255) !== 0) return null
    }
  }
  return bytes
}

/** Inflates gzip of at most `limit` bytes; a bomb throws LINK_TOO_LARGE before it has grown, broken data LINK_INVALID. */
export function unpack(bytes: Uint8Array, limit: number): string {
  if (bytes.length < SHORTEST_GZIP) throw broken()
  const whole = inflateWith((take) => new Gunzip(take), bytes, limit)
  // The decoder passes over the length that gzip ends with (RFC 1952 §2.3.1), so a cut at some places is told by it alone.
  const stated = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4).getUint32(0, true)
  if (whole.length !== stated) throw broken()
  return strFromU8(whole)
}

/** The same for raw deflate, with the dictionary that it was packed with. */
export function inflateBounded(bytes: Uint8Array, limit: number, dictionary?: Uint8Array): Uint8Array {
  return inflateWith((take) => (dictionary ? new Inflate({ dictionary }, take) : new Inflate(take)), bytes, limit)
}

interface Inflating {
  push(chunk: Uint8Array, final: boolean): void
}

function inflateWith(
  open: (take: (chunk: Uint8Array, final: boolean) => void) => Inflating,
  bytes: Uint8Array,
  limit: number,
): Uint8Array {
  const chunks: Uint8Array[] = []
  let total = 0
  let complete = false
  const stream = open((chunk, final) => {
    total += chunk.length
    if (total > limit) {
      throw new SpqrError(
        'LINK_TOO_LARGE',
        `The result link unpacks to more than ${limit / 1e6} MB.`,
        'Ask for the exported report file instead.',
      )
    }
    chunks.push(chunk)
    complete = final
  })
  try {
    // Deflate grows at most about 1,032-fold, so a slice of 4 KiB cannot outrun the limit by more than 4 MB.
    for (let at = 0; at < bytes.length; at += 4096)
      stream.push(bytes.subarray(at, at + 4096), at + 4096 >= bytes.length)
  } catch (error) {
    if (error instanceof SpqrError) throw error
    throw broken()
  }
  if (!complete) throw broken()
  const whole = new Uint8Array(total)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

function broken(): SpqrError {
  return new SpqrError(
    'LINK_INVALID',
    'The result link is damaged: its data cannot be unpacked.',
    'Copy the whole link again from where it was shared.',
  )
}
