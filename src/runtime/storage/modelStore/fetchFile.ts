/**
 * One file from its source into the store: goes on where an earlier try ended, hashes while streaming, and never holds
 * more than one piece. What is stored is read and hashed again before the download goes on, so damage is found first.
 */
import { SpqrError, type FileProgress, type SourceFile } from '../../../core/contracts'
import { digestHex, throwIfAborted } from '../../events'
import type { ModelSource } from '../../published/sources'
import type { ByteStore, OpenFile } from './bytes'
import { FileHash } from './fileHash'
import { pieceLength, storedBytes, type FileEntry, type ModelIndex } from './modelIndex'

export interface FetchContext {
  source: ModelSource
  bytes: ByteStore
  index: ModelIndex
  onProgress(progress: Omit<FileProgress, 'bytesPerSecond'>): void
  signal: AbortSignal
}

/** A full disk, in whatever words the browser has for it. */
export function storageError(thrown: unknown, path: string, stored: number, total: number): unknown {
  if (!(thrown instanceof DOMException && thrown.name === 'QuotaExceededError')) return thrown
  return new SpqrError(
    'STORAGE_FULL',
    `The disk is full: ${Math.floor((100 * stored) / Math.max(1, total))} % of "${path}" is stored and stays.`,
    'Make room by deleting models in Storage or files on the disk, then load it again; it goes on where it ended.',
  )
}

/** A stored piece whose hash is right; null when it has to be loaded. */
async function readPiece(open: OpenFile, entry: FileEntry, i: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const expected = entry.pieces[i]
  if (!expected) return null
  const piece = await open.get(i, pieceLength(entry, i))
  return piece && (await digestHex(piece)) === expected ? piece : null
}

/** Loads the file `key` unless it is whole. Throws DOWNLOAD_FAILED, HASH_MISMATCH, STORAGE_FULL, ABORTED. */
export async function fetchFile(context: FetchContext, key: string, file: SourceFile): Promise<void> {
  const { bytes, index } = context
  const entry = await index.entry(key, file)
  const loaded = storedBytes(entry)
  // Once a version every byte is read again: the hashes of the pieces are beside them and could be forged with them.
  if (entry.verified && (await index.isChecked(key)) && (await bytes.blob(key, entry.bytes, entry.pieceBytes))) {
    context.onProgress({ path: file.path, loaded: file.bytes, total: file.bytes, state: 'stored' })
    return
  }
  try {
    const open = await bytes.open(key, entry.pieceBytes)
    let sha256: string
    try {
      sha256 = await fill(context, key, file, entry, open)
    } finally {
      await open.close()
    }
    await index.write(key, { ...entry, sha256, verified: true })
    await index.markChecked(key)
  } catch (thrown) {
    if (!(thrown instanceof SpqrError && thrown.code === 'HASH_MISMATCH'))
      throw storageError(thrown, file.path, storedBytes(entry), file.bytes)
    await index.removeFile(key)
    await bytes.remove(key)
    // Pieces of an earlier try may have been the wrong ones; a load without them decides.
    if (loaded === 0) throw thrown
    await fetchFile(context, key, file)
    return
  }
  context.onProgress({ path: file.path, loaded: file.bytes, total: file.bytes, state: 'stored' })
}

/** Reads or loads every piece in order; returns the SHA-256 of the whole. */
async function fill(
  context: FetchContext,
  key: string,
  file: SourceFile,
  entry: FileEntry,
  open: OpenFile,
): Promise<string> {
  // Where the source tells no hash, what was found at first stands.
  const hash = new FileHash({ ...file, sha256: file.sha256 ?? (entry.verified ? entry.sha256 : null) })
  const { pieces } = entry
  let loaded = 0
  for (let i = 0; i < pieces.length;) {
    throwIfAborted(context.signal)
    const piece = await readPiece(open, entry, i)
    if (piece) {
      hash.update(piece)
      loaded += piece.length
      context.onProgress({ path: file.path, loaded, total: file.bytes, state: 'checking' })
      i++
      continue
    }
    pieces[i] = null
    let end = i + 1
    while (end < pieces.length && pieces[end] === null) end++
    await loadPieces(context, key, file, entry, open, i, end, hash)
    for (; i < end; i++) loaded += pieceLength(entry, i)
  }
  return hash.finish()
}

/** Streams the pieces `[first, end)`; each enters the index once its bytes are on the disk. */
async function loadPieces(
  { source, index, onProgress, signal }: FetchContext,
  key: string,
  file: SourceFile,
  entry: FileEntry,
  open: OpenFile,
  first: number,
  end: number,
  hash: FileHash,
): Promise<void> {
  const { pieceBytes } = entry
  const buffer = new Uint8Array(pieceBytes)
  let i = first
  let filled = 0
  await source.stream(
    file.path,
    first * pieceBytes,
    Math.min(end * pieceBytes, entry.bytes),
    async (bytes) => {
      for (let taken = 0; taken < bytes.length;) {
        const length = pieceLength(entry, i)
        const part = bytes.subarray(taken, taken + length - filled)
        buffer.set(part, filled)
        filled += part.length
        taken += part.length
        if (filled < length) continue
        const piece = buffer.subarray(0, length)
        hash.update(piece)
        const pieceHash = await digestHex(piece)
        await open.put(i, piece)
        entry.pieces[i] = pieceHash
        await index.write(key, entry)
        i++
        filled = 0
        throwIfAborted(signal)
      }
      onProgress({ path: file.path, loaded: i * pieceBytes + filled, total: file.bytes, state: 'loading' })
    },
    signal,
  )
}
