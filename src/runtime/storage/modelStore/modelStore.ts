/** Models on this machine: fetched in parallel, verified, listed, checked again and deleted. Used in a worker. */
import {
  SpqrError,
  type FileProgress,
  type SourceFile,
  type StorageFacts,
  type StoredFile,
} from '../../../core/contracts'
import { idbKeyValue, type KeyValue } from '../cache'
import { digestHex } from '../../events'
import type { ModelSource } from '../../published/sources'
import type { ByteStore } from './bytes'
import { fetchFile } from './fetchFile'
import { FileHash } from './fileHash'
import { IndexedDbStore } from './indexedDb'
import { ModelIndex, fileKey, pieceLength, storedBytes, type FileEntry } from './modelIndex'
import { opfsStore } from './opfs'
import { ProgressReporter } from './progress'

/** IndexedDB databases: the index, and the bytes where there is no OPFS. */
export const MODEL_INDEX_DATABASE = 'spqr-models'
export const MODEL_BYTES_DATABASE = 'spqr-model-bytes'
/** 4 MiB: what a crash may cost, and what is held in memory per file under way. */
export const PIECE_BYTES = 4 * 2 ** 20
/** Files loaded at once. */
export const PARALLEL_FILES = 4

export interface ModelStoreOptions {
  index?: KeyValue
  bytes?: ByteStore
  pieceBytes?: number
  estimate?: () => Promise<StorageEstimate>
}

export interface FetchOptions {
  onProgress?(progress: FileProgress): void
  signal?: AbortSignal
}

/** One writer at a time, in any tab; the second finds the file whole. */
function exclusively<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const { locks } = navigator as { locks?: LockManager }
  return locks ? (locks.request(`spqr-model:${key}`, { signal }, work) as Promise<T>) : work()
}

const gigabytes = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`

/** Absent where the page is served without TLS. */
const storageManager = (): StorageManager | undefined => navigator.storage

export class ModelStore {
  private constructor(
    private readonly index: ModelIndex,
    private readonly bytes: ByteStore,
    private readonly estimate: () => Promise<StorageEstimate>,
  ) {}

  static async open({ index, bytes, pieceBytes = PIECE_BYTES, estimate }: ModelStoreOptions = {}): Promise<ModelStore> {
    return new ModelStore(
      new ModelIndex(index ?? idbKeyValue(MODEL_INDEX_DATABASE), pieceBytes),
      bytes ?? (await opfsStore()) ?? new IndexedDbStore(idbKeyValue(MODEL_BYTES_DATABASE)),
      estimate ?? (async () => (await storageManager()?.estimate()) ?? {}),
    )
  }

  /** Bytes that a fetch of these files would load. */
  async missing(source: ModelSource, paths: readonly string[], signal?: AbortSignal): Promise<number> {
    let missing = 0
    for (const [key, file] of await this.wanted(source, paths, signal))
      missing += file.bytes - storedBytes(await this.index.entry(key, file))
    return missing
  }

  /**
   * The files `paths` of a source as Blobs on disk, fetching what is missing. Files of a local folder are
   * returned in place.
   * @throws SpqrError SOURCE_NOT_FOUND, DOWNLOAD_FAILED, HASH_MISMATCH, STORAGE_FULL, ABORTED; what was loaded stays
   */
  async fetch(
    source: ModelSource,
    paths: readonly string[],
    { onProgress, signal }: FetchOptions = {},
  ): Promise<Map<string, Blob>> {
    const local = new Map(
      paths.flatMap((path) => {
        const blob = source.local(path)
        return blob ? [[path, blob] as const] : []
      }),
    )
    const remote = paths.filter((path) => !local.has(path))
    if (remote.length === 0) return local
    const wanted = await this.wanted(source, remote, signal)
    await this.planSpace(source.id, [...wanted])
    const listing = await source.list(signal)
    const byPath = listing.files
      .filter(({ path }) => remote.includes(path))
      .map((file) => ({ path: file.path, key: fileKey(listing.id, file) }))
    await this.index.addToModel(listing, byPath, new Date())
    await this.fetchAll(source, [...wanted], onProgress, signal)
    const found = new Map(local)
    for (const { path, key } of byPath) found.set(path, await this.blob(key, path))
    return found
  }

  async facts(): Promise<StorageFacts> {
    const models = []
    for (const { files, ...model } of await this.index.models()) {
      const stored: StoredFile[] = []
      for (const { key, path } of files) {
        const entry = await this.index.stored(key)
        if (entry)
          stored.push({
            key,
            path,
            bytes: entry.bytes,
            stored: storedBytes(entry),
            sha256: entry.sha256,
            verified: entry.verified,
          })
      }
      models.push({ ...model, files: stored })
    }
    const { usage = null, quota = null } = await this.estimate().catch((): StorageEstimate => ({}))
    const persisted =
      (await storageManager()
        ?.persisted()
        .catch(() => false)) ?? false
    return { models, usage, quota, persisted, kind: this.bytes.kind }
  }

  /** Reads a stored file again: true when every byte is right. Damaged pieces are forgotten, so that only they load again. */
  async verify(key: string, signal?: AbortSignal): Promise<boolean> {
    const entry = await this.index.stored(key)
    if (!entry) return false
    const damaged = await exclusively(key, signal ?? new AbortController().signal, () => this.damagedPieces(key, entry))
    if (damaged.length === 0 && entry.pieces.every((piece) => piece !== null)) return true
    await this.index.write(key, {
      ...entry,
      verified: false,
      pieces: entry.pieces.map((piece, i) => (damaged.includes(i) ? null : piece)),
    })
    return false
  }

  /** A whole stored file, to read in place or save elsewhere. Throws CACHE_CORRUPT when it is not whole. */
  async blob(key: string, path = key): Promise<Blob> {
    const entry = await this.index.stored(key)
    const blob = entry?.verified ? await this.bytes.blob(key, entry.bytes, entry.pieceBytes) : null
    if (blob) return blob
    throw new SpqrError(
      'CACHE_CORRUPT',
      `"${path}" is not whole in this browser's storage.`,
      'Load the model again; only what is missing is fetched.',
    )
  }

  /** Deletes a model and those of its files that no other model needs. */
  async remove(id: string): Promise<void> {
    const models = await this.index.models()
    const others = new Set(
      models.filter((model) => model.id !== id).flatMap(({ files }) => files.map(({ key }) => key)),
    )
    const own = models.find((model) => model.id === id)?.files ?? []
    for (const { key } of own.filter((file) => !others.has(file.key))) {
      await exclusively(key, new AbortController().signal, async () => {
        await this.index.removeFile(key)
        await this.bytes.remove(key)
      })
    }
    await this.index.removeModel(id)
  }

  private async wanted(
    source: ModelSource,
    paths: readonly string[],
    signal?: AbortSignal,
  ): Promise<Map<string, SourceFile>> {
    const { id, files } = await source.list(signal)
    return new Map(
      paths.map((path) => {
        const file = files.find((one) => one.path === path)
        if (!file)
          throw new SpqrError(
            'SOURCE_NOT_FOUND',
            `"${source.id}" has no file "${path}".`,
            'The repository is incomplete, or laid out otherwise than its manifest says.',
          )
        return [fileKey(id, file), file]
      }),
    )
  }

  /** Refuses before the first byte what cannot end well. */
  private async planSpace(id: string, wanted: readonly (readonly [string, SourceFile])[]): Promise<void> {
    let missing = 0
    for (const [key, file] of wanted) missing += file.bytes - storedBytes(await this.index.entry(key, file))
    const { usage, quota } = await this.estimate().catch((): StorageEstimate => ({}))
    if (usage === undefined || quota === undefined || missing <= quota - usage) return
    throw new SpqrError(
      'STORAGE_FULL',
      `"${id}" needs ${gigabytes(missing)} more, and this browser has room for ${gigabytes(Math.max(0, quota - usage))}.`,
      'Delete models in Storage or files on the disk, or choose a smaller model.',
    )
  }

  private async fetchAll(
    source: ModelSource,
    wanted: (readonly [string, SourceFile])[],
    onProgress: FetchOptions['onProgress'],
    signal?: AbortSignal,
  ): Promise<void> {
    // The first failure stops the others; what they stored stays.
    const stop = new AbortController()
    const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
    const reporter = new ProgressReporter(onProgress ?? (() => undefined))
    const queue = [...wanted]
    const failures: unknown[] = []
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next && !either.aborted; next = queue.shift()) {
        const [key, file] = next
        try {
          await exclusively(key, either, () =>
            fetchFile(
              { source, bytes: this.bytes, index: this.index, onProgress: reporter.take, signal: either },
              key,
              file,
            ),
          )
        } catch (thrown) {
          failures.push(thrown)
          stop.abort()
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(PARALLEL_FILES, wanted.length) }, work))
    if (signal?.aborted) throw new SpqrError('ABORTED', 'The download was stopped; what has been loaded is kept.')
    if (failures.length > 0) throw failures[0]
  }

  private async damagedPieces(key: string, entry: FileEntry): Promise<number[]> {
    const damaged: number[] = []
    const whole = new FileHash({ path: entry.path, bytes: entry.bytes, sha256: entry.sha256, gitSha1: entry.gitSha1 })
    const blob = await this.bytes.blob(key, entry.bytes, entry.pieceBytes)
    for (let i = 0; i < entry.pieces.length; i++) {
      const start = i * entry.pieceBytes
      const piece = blob ? new Uint8Array(await blob.slice(start, start + pieceLength(entry, i)).arrayBuffer()) : null
      if (!piece || (await digestHex(piece)) !== entry.pieces[i]) damaged.push(i)
      else whole.update(piece)
    }
    if (damaged.length > 0) return damaged
    try {
      whole.finish()
      return []
    } catch {
      // Every piece is as it came, but it never was the right file.
      return [...entry.pieces.keys()]
    }
  }
}
