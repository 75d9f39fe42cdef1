/** The seal of an exported file: a hash of the record in it, so that a digit that changed later is noticed. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { SpqrError } from '../../contracts/errors'
import type { Outcome, RunRecord } from '../../contracts/run'
import { canonicalJson } from '../../hash'

/** What stands before the digits: the kind of seal, so that another may follow. */
const KIND = 'sha256:'

/**
 * SHA-256 of the record's canonical JSON (RFC 8785), header first and then outcome by outcome, each ended by a line feed;
 * in pieces, because one string of a large run would be longer than an engine allows.
 */
export class SealWriter {
  private readonly hash = sha256.create()

  constructor(header: Omit<RunRecord, 'outcomes'>) {
    this.add(header)
  }

  add(value: Outcome | Omit<RunRecord, 'outcomes'>): void {
    this.hash.update(utf8ToBytes(`${canonicalJson(value)}\n`))
  }

  finish(): string {
    return KIND + bytesToHex(this.hash.digest())
  }
}

export function sealOf({ outcomes, ...header }: RunRecord): string {
  const seal = new SealWriter(header)
  for (const outcome of outcomes) seal.add(outcome)
  return seal.finish()
}

/**
 * Whether a file's seal fits its record; false where it has none, as files of version 0.1.0.
 * @throws {SpqrError} RECORD_INVALID when it does not fit
 */
export function checkSeal(seal: unknown, record: RunRecord, name: string): boolean {
  if (seal === undefined) return false
  if (seal === sealOf(record)) return true
  throw new SpqrError(
    'RECORD_INVALID',
    `${name} was changed after it was written: its seal does not fit its contents.`,
    'Ask for the file again where it comes from, or make the run again.',
  )
}
