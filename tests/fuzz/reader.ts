/** What is fuzzed: readers of what comes from outside, and how one input is judged. */
import { SpqrError } from '../../src/core/contracts'
import type { Change, Input } from './mutate'

export interface Reader {
  name: string
  /** How many valid inputs there are. */
  seeds: number
  /** A valid input, changed; `list` empty: as it is. */
  make(seed: number, list: readonly Change[]): Input
  /** Reads it; refuses with a SpqrError. */
  read(input: Input, seed: number): unknown
  /** Whether what was opened says other things than the input that was changed, and nobody is told. */
  different(result: unknown, input: Input, seed: number): boolean
}

export const KINDS = ['opened', 'refused', 'untyped', 'slow', 'large', 'different', 'wordy'] as const
export type Kind = (typeof KINDS)[number]
export interface Verdict {
  kind: Kind
  note: string
}

/** Most milliseconds of work and bytes for one input, and most characters of a sentence with its hint. */
const [SLOWEST, LARGEST, LONGEST] = [1000, 256 * 2 ** 20, 600]

function judgeError(thrown: unknown): Verdict {
  if (!(thrown instanceof SpqrError) || thrown.code === 'UNEXPECTED')
    return { kind: 'untyped', note: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown) }
  const { message, hint } = thrown
  return message.length + hint.length > LONGEST || message.includes('\n')
    ? { kind: 'wordy', note: message }
    : { kind: 'refused', note: thrown.code }
}

async function verdictOf(reader: Reader, input: Input, seed: number): Promise<Verdict> {
  try {
    const result = await reader.read(input, seed)
    return { kind: reader.different(result, input, seed) ? 'different' : 'opened', note: '' }
  } catch (thrown) {
    return judgeError(thrown)
  }
}

/** Reads one changed input. */
export async function tryOne(reader: Reader, seed: number, list: readonly Change[]): Promise<Verdict> {
  const input = reader.make(seed, list)
  const before = process.memoryUsage.rss()
  const start = performance.now()
  const verdict = await verdictOf(reader, input, seed)
  const grown = process.memoryUsage.rss() - before
  if (grown > LARGEST) return { kind: 'large', note: `${Math.round(grown / 2 ** 20)} MiB` }
  if (performance.now() - start <= SLOWEST) return verdict
  // Other work may have had the machine: what counts is this process' own time.
  const used = process.cpuUsage()
  await verdictOf(reader, input, seed)
  const { user, system } = process.cpuUsage(used)
  const took = (user + system) / 1000
  return took > SLOWEST ? { kind: 'slow', note: `${Math.round(took)} ms` } : verdict
}
