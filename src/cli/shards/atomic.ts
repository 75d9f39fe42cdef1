/** Files that are there whole or not at all: written under another name beside their place, then renamed. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { SpqrError } from '../../core/contracts'
import { errno } from '../files'

/** What the system says when there is no room left: on the disk, in the quota, under a limit for files. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** @throws {SpqrError} BAD_INPUT that says why; what was there before is then untouched */
export async function writeAtomically(path: string, pieces: Iterable<string> | AsyncIterable<string>): Promise<void> {
  const problem = (thrown: unknown) => cannotWrite(path, errno(thrown))
  let file: number | null = null
  // A pipe or a device has no place to be renamed to.
  const target = special(path) ? path : join(dirname(path), `.${basename(path)}.${process.pid}.part`)
  try {
    try {
      mkdirSync(dirname(path), { recursive: true })
      file = openSync(target, 'w')
    } catch (thrown) {
      throw problem(thrown)
    }
    for await (const piece of pieces) {
      try {
        writeAll(file, Buffer.from(piece))
      } catch (thrown) {
        throw problem(thrown)
      }
    }
    try {
      if (target !== path) fsyncSync(file)
      closeSync(file)
      file = null
      if (target !== path) renameSync(target, path)
    } catch (thrown) {
      throw problem(thrown)
    }
  } catch (thrown) {
    if (file !== null) closeSync(file)
    if (target !== path) rmSync(target, { force: true })
    throw thrown
  }
}

export function cannotWrite(path: string, code: string): SpqrError {
  return FULL.has(code)
    ? new SpqrError(
        'STORAGE_FULL',
        `"${path}" cannot be written: the disk is full (${code}).`,
        'Make room and start the command again; nothing that was there is lost.',
      )
    : new SpqrError('BAD_INPUT', `"${path}" cannot be written (${code}).`, 'Check the folder and its permissions.')
}

/** A call may write less than it was given, where the disk is almost full. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
}

function special(path: string): boolean {
  try {
    const facts = statSync(path, { throwIfNoEntry: false })
    return facts !== undefined && !facts.isFile() && !facts.isDirectory()
  } catch {
    return false
  }
}
