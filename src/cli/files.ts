/** Files of runs, and the reference features of a judge pack, from disk. */
import { accessSync, constants, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSafetensors } from '../core/adapters'
import { SpqrError, reviveError, type RunRecord } from '../core/contracts'
import { assertPlanned, checkFileSize, readSealedText, type ReadRecord } from '../core/scoring'
import { sha256Hex } from '../core/hash'

/** The record in a report or record file. A file that cannot be read is BAD_INPUT, one that is no run RECORD_INVALID. */
export function readRunFile(path: string): RunRecord {
  return readSealedRun(path).record
}

/** The same, with whether the file is sealed, and what it claims of its scores. */
export function readSealedRun(path: string): ReadRecord {
  const read = readSealedText(readText(path), `"${path}"`)
  assertPlanned(read.record, `"${path}"`)
  return read
}

/** The text of a file of a size that is read. @throws {SpqrError} BAD_INPUT, RECORD_INVALID where it is empty or too large */
export function readText(path: string): string {
  try {
    const facts = statSync(path)
    if (!facts.isFile()) throw new SpqrError('BAD_INPUT', `"${path}" is not a file.`, 'Name a report or record file.')
    checkFileSize(facts.size, `"${path}"`)
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    if (thrown instanceof SpqrError) throw thrown
    throw new SpqrError('BAD_INPUT', `"${path}" cannot be read (${errno(thrown)}).`, 'Check the name and the folder.')
  }
}

/** Small files are indented for reading, large ones are not. */
export function writeJson(path: string, value: unknown, outcomes: number): void {
  try {
    writeFileSync(path, `${JSON.stringify(value, null, outcomes <= 5000 ? 1 : 0)}\n`)
  } catch (thrown) {
    throw new SpqrError(
      'BAD_INPUT',
      `"${path}" cannot be written (${errno(thrown)}).`,
      'Check the folder and its permissions.',
    )
  }
}

/** Refuses, before hours of work, a file that could not be written in the end. */
export function assertWritable(path: string): void {
  if (path === '') throw new SpqrError('BAD_INPUT', 'The name of the file to write is empty.', 'Write it behind --out.')
  const problem = (why: string) =>
    new SpqrError('BAD_INPUT', `"${path}" cannot be written (${why}).`, 'Check the folder and its permissions.')
  try {
    const facts = statSync(path, { throwIfNoEntry: false })
    if (facts?.isDirectory()) throw problem('it is a folder')
    accessSync(facts ? path : dirname(path), constants.W_OK)
  } catch (thrown) {
    throw thrown instanceof SpqrError ? thrown : problem(errno(thrown))
  }
}

/** The system's own word for what went wrong, such as ENOENT. */
export const errno = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)

const PACKS = fileURLToPath(new URL('../../public/packs/', import.meta.url))

/**
 * Reference features [m, d] of the record's quality judge: `path` when given, else the pack file under public/packs
 * whose manifest states the SHA-256 that the record names. Null when no pack has it; a file with another hash throws.
 */
export function referenceFor(record: RunRecord, path: string | null = null, packs = PACKS): Float32Array | null {
  const facts = record.judges.find((judge) => judge.kind === 'features')
  if (!facts?.reference) return null
  const found = path ?? findReference(packs, facts.reference.sha256)
  if (found === null) return null
  const bytes = readReferenceFile(found)
  const tensor = readSafetensors(new Uint8Array(bytes)).tensors.get('features')
  if (tensor?.shape.length !== 2 || tensor.shape[1] !== facts.dimension) {
    throw new SpqrError(
      'RECORD_INVALID',
      `"${found}" has no tensor "features" with ${facts.dimension} columns.`,
      'Take the reference file that the judge pack names.',
    )
  }
  const features = tensor.floats()
  // A pack names the file; a reference of the user's own is known by its numbers alone.
  const hashes = [
    sha256Hex(bytes),
    sha256Hex(new Uint8Array(features.buffer, features.byteOffset, features.byteLength)),
  ]
  if (!hashes.some((hash) => hash.startsWith(facts.reference?.sha256 ?? ''))) {
    throw new SpqrError(
      'HASH_MISMATCH',
      `"${found}" has SHA-256 ${hashes[0]}, and the run was scored against ${facts.reference.sha256}.`,
      'Take the reference file of the judge pack version that the run used.',
    )
  }
  return features
}

function readReferenceFile(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (thrown) {
    throw new SpqrError('BAD_INPUT', `"${path}" cannot be read (${errno(thrown)}).`, 'Check the name and the folder.')
  }
}

function findReference(packs: string, sha256: string): string | null {
  for (const manifest of manifestsIn(packs)) {
    const text = readFileSync(manifest, 'utf8')
    const parsed: unknown = JSON.parse(text)
    const judges = isObject(parsed) && Array.isArray(parsed.judges) ? parsed.judges : []
    for (const judge of judges) {
      const reference: unknown = isObject(judge) ? judge.reference : null
      if (
        isObject(reference) &&
        typeof reference.sha256 === 'string' &&
        typeof reference.path === 'string' &&
        reference.sha256.startsWith(sha256)
      ) {
        return join(dirname(manifest), reference.path)
      }
    }
  }
  return null
}

function manifestsIn(packs: string): string[] {
  try {
    return readdirSync(packs)
      .sort()
      .map((pack) => join(packs, pack, 'manifest.json'))
      .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
  } catch {
    return []
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Runs a command: its exit status, or one sentence and 2 for a wrong command line, 1 for anything else. */
export async function command(main: (argv: readonly string[]) => number | Promise<number>): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (thrown) {
    const error = reviveError(thrown)
    console.error([error.message, error.hint].filter((part) => part !== '').join('\n'))
    process.exitCode = error.code === 'BAD_INPUT' ? 2 : 1
  }
}
