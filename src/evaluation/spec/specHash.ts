/** Canonical JSON (RFC 8785) and SHA-256: the names of runs and units are hashes of what they are. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import canonicalize from 'canonicalize'
import { SpqrError, type PackManifest, type RunSpec } from '../../core/contracts'

/** JSON with sorted keys and one spelling of every number, so that equal values give equal bytes. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value)
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

/** The name of a run: two runs of one specification share it. */
export function runId(spec: RunSpec): string {
  return hashOf(spec)
}

/** What every number of a study rests on: generator, judges, prompts and training data; adapters may come and go. */
export function packHash({ model, judges, prompts, training }: PackManifest): string {
  return hashOf([model, judges, prompts, training])
}

/** An unsigned 32-bit integer from a string: the first four bytes of its SHA-256. */
export function seedOf(text: string): number {
  const bytes = sha256(utf8ToBytes(text))
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}
