/** The names of runs and units are hashes of what they are. */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { PackManifest, RunSpec } from '../../core/contracts'
import { hashOf } from '../../core/hash'

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
