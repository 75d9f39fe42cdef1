/**
 * Files in IndexedDB, in chunks that carry their own hash, under the SHA-256 of the file. A chunk that is missing or
 * damaged is told apart from the others, so that it alone is fetched again. When the browser refuses to store, files
 * stay in memory and the caller is told once.
 */
import { del, get, keys, set, type UseStore } from 'idb-keyval'
import * as v from 'valibot'
import { digestHex, throwIfAborted } from '../events'
import { openStore } from './database'

/** 4 MiB: small enough to heal cheaply, large enough that a pack needs few transactions. */
export const CHUNK_BYTES = 4 * 2 ** 20

/** Chunks that are read side by side: as many are in memory beside the file they belong to. */
const LANES = 4

/** IndexedDB database of pack files. */
export const PACK_DATABASE = 'spqr-packs'

const IndexSchema = v.strictObject({
  bytes: v.number(),
  chunkBytes: v.number(),
  /** SHA-256 of each chunk; null while it has not been loaded. */
  chunks: v.array(v.nullable(v.string())),
  /** True once the SHA-256 of the whole file was right: from then on the chunks' own hashes are enough. */
  verified: v.boolean(),
})
export type ChunkIndex = v.InferOutput<typeof IndexSchema>

/** The part of a key-value store that the cache needs; idb-keyval in the browser, a map in tests. */
export interface KeyValue {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown): Promise<void>
  delete(key: string): Promise<void>
  keys(): Promise<string[]>
}

export function idbKeyValue(database: string): KeyValue {
  let store: UseStore | undefined
  const open = () => (store ??= openStore(database, 'keyval'))
  return {
    get: async (key) => await get<unknown>(key, open()),
    set: async (key, value) => {
      await set(key, value, open())
    },
    delete: async (key) => {
      await del(key, open())
    },
    keys: async () => (await keys(open())).map(String),
  }
}

export class ChunkCache {
  /** Files that could not be stored, whole, by SHA-256. */
  private readonly memory = new Map<string, Uint8Array<ArrayBuffer>>()
  private refused = false

  constructor(
    private readonly store: KeyValue,
    private readonly onRefused: (why: string) => void,
    readonly chunkBytes = CHUNK_BYTES,
  ) {}

  /** The index of a stored file, or a fresh one. */
  async index(sha256: string, bytes: number): Promise<ChunkIndex> {
    const fresh: ChunkIndex = {
      bytes,
      chunkBytes: this.chunkBytes,
      chunks: Array.from({ length: Math.ceil(bytes / this.chunkBytes) }, () => null),
      verified: false,
    }
    const stored = v.safeParse(IndexSchema, await this.read(`${sha256}/index`))
    const usable =
      stored.success &&
      stored.output.bytes === bytes &&
      stored.output.chunkBytes === this.chunkBytes &&
      stored.output.chunks.length === fresh.chunks.length
    return usable ? stored.output : fresh
  }

  /** Whether all of these were stored whole, so that no network is needed for them. */
  async stored(files: readonly { sha256: string; bytes: number }[]): Promise<boolean> {
    const indexes = await Promise.all(files.map(({ sha256, bytes }) => this.index(sha256, bytes)))
    return indexes.every(({ verified }) => verified)
  }

  /** A chunk whose length and hash are right; null when it is missing or damaged. */
  async chunk(sha256: string, index: ChunkIndex, i: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const expected = index.chunks[i]
    const bytes = expected ? await this.unread(sha256, index, i) : null
    return bytes && (await digestHex(bytes)) === expected ? bytes : null
  }

  /**
   * A file that was stored whole, if it still is what it was: one hash, of all of it. Null where it is not; the chunks' own
   * hashes then tell which of them are wrong. Throws ABORTED.
   */
  async whole(sha256: string, index: ChunkIndex, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer> | null> {
    if (!index.verified) return null
    const bytes = new Uint8Array(index.bytes)
    let next = 0
    const lane = async (): Promise<boolean> => {
      while (next < index.chunks.length) {
        throwIfAborted(signal)
        const i = next++
        const chunk = await this.unread(sha256, index, i)
        if (!chunk) {
          // Nobody needs the others.
          next = index.chunks.length
          return false
        }
        bytes.set(chunk, i * index.chunkBytes)
      }
      return true
    }
    const lanes = await Promise.all(Array.from({ length: LANES }, lane))
    throwIfAborted(signal)
    return lanes.every(Boolean) && (await digestHex(bytes)) === sha256 ? bytes : null
  }

  /** A chunk of the right length, whatever is in it. */
  private async unread(sha256: string, index: ChunkIndex, i: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const value = await this.read(`${sha256}/${i}`)
    const length = Math.min(index.chunkBytes, index.bytes - i * index.chunkBytes)
    return value instanceof Uint8Array && value.length === length ? (value as Uint8Array<ArrayBuffer>) : null
  }

  /** Stores a chunk and its hash; keeps quiet once storing was refused. */
  async put(sha256: string, index: ChunkIndex, i: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    index.chunks[i] = await digestHex(bytes)
    // A copy: the piece may be a view of a much larger buffer, which would be stored whole.
    await this.write(`${sha256}/${i}`, bytes.slice())
    await this.write(`${sha256}/index`, index)
  }

  /** Marks a file whose whole hash was right. Keeps the file itself for this visit when it could not be stored. */
  async confirm(sha256: string, index: ChunkIndex, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.write(`${sha256}/index`, { ...index, verified: true })
    if (this.refused) this.memory.set(sha256, bytes)
  }

  private async write(key: string, value: unknown): Promise<void> {
    if (this.refused) return
    try {
      await this.store.set(key, value)
    } catch (thrown) {
      this.refused = true
      this.onRefused(thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown))
    }
  }

  kept(sha256: string): Uint8Array<ArrayBuffer> | undefined {
    return this.memory.get(sha256)
  }

  async remove(sha256: string): Promise<void> {
    this.memory.delete(sha256)
    try {
      const own = (await this.store.keys()).filter((key) => key.startsWith(`${sha256}/`))
      for (const key of own) await this.store.delete(key)
    } catch {
      // A store that cannot be opened holds nothing to remove.
    }
  }

  private async read(key: string): Promise<unknown> {
    try {
      return await this.store.get(key)
    } catch {
      // An unreadable store is an empty one: the file is fetched again.
      return undefined
    }
  }
}
