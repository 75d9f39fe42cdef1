/**
 * Files of a pack: from the cache where every chunk holds, else from the network; verified by SHA-256 before anybody
 * sees a byte. Broken-off downloads go on where they ended; damaged chunks are fetched again alone.
 */
import { SpqrError, type PackFile } from '../../core/contracts'
import { ChunkCache, type ChunkIndex, type KeyValue } from './cache'
import { download } from './download'
import { digestHex, throwIfAborted, type OnEvent } from '../events'
import type { Wait } from './retry'

export interface FilesOptions {
  /** Address the paths are relative to; ends in `/`. */
  baseUrl: string
  store: KeyValue
  onEvent: OnEvent
  fetch?: typeof fetch | undefined
  /** For tests: waits before a further try. */
  wait?: Wait | undefined
  chunkBytes?: number
}

/** Files that are loaded ahead side by side. */
const LANES = 3

/** Whatever returns the verified bytes of a file by name, size and hash. */
export interface FileLoader {
  /** Throws DOWNLOAD_FAILED, HASH_MISMATCH, ABORTED. */
  load(file: PackFile, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>
}

export class PackFiles implements FileLoader {
  onEvent: OnEvent
  private readonly cache: ChunkCache
  /** Loads under way by SHA-256: two askers share one download; a failed one is forgotten. */
  private readonly inFlight = new Map<string, Promise<Uint8Array<ArrayBuffer>>>()
  /** Loads begun before anybody asked, by SHA-256; the first asker takes one. */
  private readonly ahead = new Map<string, Promise<Uint8Array<ArrayBuffer>>>()
  /** What is still to be begun, group by group. */
  private queued: PackFile[][] = []

  constructor(private readonly options: FilesOptions) {
    this.onEvent = options.onEvent
    this.cache = new ChunkCache(
      options.store,
      (why) => {
        this.onEvent({
          type: 'warning',
          code: 'STORAGE_FULL',
          message: `The browser refused to store the model (${why}). It stays in memory for this visit and is loaded again next time.`,
        })
      },
      options.chunkBytes,
    )
  }

  /** The verified bytes of a file. Throws DOWNLOAD_FAILED, HASH_MISMATCH, ABORTED. */
  load(file: PackFile, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const known = this.inFlight.get(file.sha256) ?? this.ahead.get(file.sha256)
    this.ahead.delete(file.sha256)
    this.queued = this.queued.map((files) => files.filter(({ sha256 }) => sha256 !== file.sha256))
    if (known) return known
    const loading = this.loadOnce(file, signal).finally(() => this.inFlight.delete(file.sha256))
    this.inFlight.set(file.sha256, loading)
    return loading
  }

  /** Whether all of these were stored whole, so that no network is needed for them. */
  stored(files: readonly PackFile[]): Promise<boolean> {
    return this.cache.stored(files)
  }

  /**
   * Begins to load files in this order, a few at a time, so that the network and hashing go on while a session is made; a
   * group waits for the one before it, whose files are needed first. What failed is loaded again by whoever asks for it,
   * and fails there. `come` settles for each group when all of it is here or has failed; `forget` lets go of files that
   * nobody took.
   */
  prefetch(groups: readonly (readonly PackFile[])[], signal?: AbortSignal): { come: Promise<void>[]; forget(): void } {
    this.queued = groups.map((files) =>
      files.filter(({ sha256 }) => !this.ahead.has(sha256) && !this.inFlight.has(sha256)),
    )
    const lane = async (which: number) => {
      for (let file = this.queued[which]?.shift(); file; file = this.queued[which]?.shift()) {
        const { sha256 } = file
        const loading = this.load(file, signal)
        this.ahead.set(sha256, loading)
        await loading.catch(() => this.ahead.delete(sha256))
      }
    }
    const group = async (files: readonly PackFile[], which: number) => {
      await Promise.all(Array.from({ length: LANES }, () => lane(which)))
      // Those that somebody asked for before their turn came.
      await Promise.allSettled(files.flatMap(({ sha256 }) => this.inFlight.get(sha256) ?? []))
    }
    const come: Promise<void>[] = []
    groups.forEach((files, which) => {
      const earlier = come.at(-1)
      come.push(earlier ? earlier.then(() => group(files, which)) : group(files, which))
    })
    return {
      come,
      forget: () => {
        this.queued = []
        this.ahead.clear()
      },
    }
  }

  private async loadOnce(file: PackFile, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const report = (loaded: number, fromCache: boolean) =>
      this.onEvent({ type: 'download', file: file.path, loaded, total: file.bytes, fromCache })
    const index = await this.cache.index(file.sha256, file.bytes)
    const whole = this.cache.kept(file.sha256) ?? (await this.cache.whole(file.sha256, index, signal))
    throwIfAborted(signal)
    if (whole) {
      report(file.bytes, true)
      return whole
    }
    const bytes = new Uint8Array(file.bytes)
    const known = [...index.chunks]
    const missing: number[] = []
    let loaded = 0
    for (let i = 0; i < index.chunks.length; i++) {
      throwIfAborted(signal)
      const chunk = await this.cache.chunk(file.sha256, index, i)
      if (chunk) {
        bytes.set(chunk, i * index.chunkBytes)
        loaded += chunk.length
      } else missing.push(i)
    }
    if (missing.length === 0 && index.verified) {
      // The hashes of the pieces are beside them and could be forged with them; the manifest's decides. It may be right: one
      // read may have failed before, or another page healed the file meanwhile.
      if ((await digestHex(bytes)) === file.sha256) {
        report(file.bytes, true)
        return bytes
      }
      this.corrupt(`"${file.path}" as stored is not the file the manifest names; it is loaded again.`)
      await this.cache.remove(file.sha256)
      return this.loadOnce(file, signal)
    }
    const damaged = missing.filter((i) => known[i] !== null).length
    if (damaged > 0)
      this.corrupt(
        `${damaged} of ${known.length} stored pieces of "${file.path}" were missing or damaged; only these are loaded again.`,
      )
    let reported = -1
    await this.fetchMissing(file, index, missing, bytes, signal, (count) => {
      loaded += count
      const percent = Math.floor((100 * loaded) / file.bytes)
      if (percent !== reported) report(loaded, false)
      reported = percent
    })
    this.onEvent({ type: 'phase', phase: 'verify', what: file.path })
    const actual = await digestHex(bytes)
    if (actual !== file.sha256) {
      await this.cache.remove(file.sha256)
      // Pieces of an earlier, broken-off load may be the wrong ones; a load without them decides.
      if (missing.length < known.length) return this.loadOnce(file, signal)
      throw new SpqrError(
        'HASH_MISMATCH',
        `"${file.path}" is not the file the manifest names: its SHA-256 is ${actual}, expected ${file.sha256}.`,
        'The file was changed or damaged on the way; load it again, or publish the pack again.',
      )
    }
    await this.cache.confirm(file.sha256, index, bytes)
    return bytes
  }

  private corrupt(message: string): void {
    this.onEvent({ type: 'warning', code: 'CACHE_CORRUPT', message })
  }

  /** Fetches runs of missing chunks, one request each, storing every chunk as soon as it is whole. */
  private async fetchMissing(
    file: PackFile,
    index: ChunkIndex,
    missing: readonly number[],
    bytes: Uint8Array<ArrayBuffer>,
    signal: AbortSignal | undefined,
    onCount: (bytes: number) => void,
  ): Promise<void> {
    const url = new URL(file.path, this.options.baseUrl).href
    const size = index.chunkBytes
    for (let k = 0; k < missing.length;) {
      const first = missing[k]!
      let last = first
      while (missing[++k] === last + 1) last++
      const [from, to] = [first * size, Math.min((last + 1) * size, file.bytes)]
      let stored = first
      await download(url, file, from, to, {
        fetch: this.options.fetch,
        wait: this.options.wait,
        signal,
        onBytes: async (piece, offset) => {
          bytes.set(piece, offset)
          onCount(piece.length)
          const end = offset + piece.length
          while (stored <= last && end >= Math.min((stored + 1) * size, file.bytes)) {
            await this.cache.put(
              file.sha256,
              index,
              stored,
              bytes.subarray(stored * size, Math.min((stored + 1) * size, file.bytes)),
            )
            stored++
          }
        },
      })
    }
  }
}
