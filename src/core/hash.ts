/** Canonical JSON (RFC 8785) and SHA-256: equal values have equal hashes, whatever the order of their keys. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import canonicalize from 'canonicalize'
import { SpqrError } from './contracts/errors'

/** JSON with sorted keys and one spelling of every number, so that equal values give equal bytes. */
export function canonicalJson(value: unknown): string {
  let text: string | undefined
  try {
    text = canonicalize(value)
  } catch {
    throw new SpqrError(
      'BAD_INPUT',
      'A text in it holds half of a character (a lone surrogate), or a number is not finite.',
      'Write the text again.',
    )
  }
  if (text === undefined) throw new SpqrError('UNEXPECTED', 'A value that JSON cannot hold was to be hashed.')
  return text
}

/** Lower-case hexadecimal SHA-256 of bytes, or of a string's UTF-8 bytes. */
export function sha256Hex(data: Uint8Array | string): string {
  return bytesToHex(sha256(typeof data === 'string' ? utf8ToBytes(data) : data))
}

/** SHA-256 of the canonical JSON of a value. */
export function hashOf(value: unknown): string {
  return sha256Hex(canonicalJson(value))
}
