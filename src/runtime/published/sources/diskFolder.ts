/** A folder, or single files, from the person's own disk: read in place, in ranges, and never copied. */
import { SpqrError, type ChosenFile, type SourceListing } from '../../../core/contracts'
import { licenceOf } from '../../../core/sources'
import { throwIfAborted } from '../../events'
import type { Bytes, ModelSource } from './source'

/** Bytes read at once while streaming. */
const PIECE_BYTES = 4 * 2 ** 20

export interface DiskFile {
  path: string
  blob: Blob
}

/** Files as the page sends them, checked to be files. Throws BAD_INPUT. */
export function chosenFiles(files: readonly ChosenFile[]): DiskFile[] {
  return files.map(({ path, blob }) => {
    if (!(blob instanceof Blob)) throw new SpqrError('BAD_INPUT', `"${path}" is no file.`, 'Choose the folder again.')
    return { path, blob }
  })
}

export class DiskFolderSource implements ModelSource {
  readonly id: string
  private readonly blobs: Map<string, Blob>

  constructor(name: string, files: readonly DiskFile[]) {
    this.id = `folder:${name}`
    this.blobs = new Map(files.map(({ path, blob }) => [path, blob]))
  }

  list(): Promise<SourceListing> {
    if (this.blobs.size === 0)
      return Promise.reject(
        new SpqrError(
          'SOURCE_NOT_FOUND',
          `"${this.id}" holds no files.`,
          "Choose the folder that holds the model's graphs.",
        ),
      )
    const files = [...this.blobs].map(([path, blob]) => ({ path, bytes: blob.size, sha256: null, gitSha1: null }))
    return Promise.resolve({ id: this.id, files, licence: licenceOf(null, false) })
  }

  async readRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Bytes> {
    throwIfAborted(signal)
    const blob = this.local(path)
    if (!blob)
      throw new SpqrError(
        'SOURCE_NOT_FOUND',
        `"${this.id}" has no file "${path}".`,
        'Choose the whole folder of the model.',
      )
    try {
      return new Uint8Array(await blob.slice(start, end).arrayBuffer())
    } catch {
      // NotReadableError: moved, deleted or changed since it was chosen.
      throw new SpqrError(
        'BAD_INPUT',
        `"${path}" can no longer be read from the disk.`,
        'It was moved or changed since it was chosen; choose the folder again.',
      )
    }
  }

  async stream(
    path: string,
    start: number,
    end: number,
    onBytes: (bytes: Bytes, offset: number) => void | Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    for (let at = start; at < end; at += PIECE_BYTES)
      await onBytes(await this.readRange(path, at, Math.min(at + PIECE_BYTES, end), signal), at)
  }

  local(path: string): Blob | null {
    return this.blobs.get(path) ?? null
  }
}
