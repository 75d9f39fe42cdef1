/** Key-value storage of the run store: IndexedDB through idb-keyval, with memory over it once storage is refused. */
import { delMany, getMany, keys, setMany } from 'idb-keyval'
import { openStore } from './database'

/** What the run store needs of storage; `setMany` is atomic. */
export interface BatchKeyValue {
  getMany(keys: string[]): Promise<unknown[]>
  setMany(entries: [string, unknown][]): Promise<void>
  delMany(keys: string[]): Promise<void>
  keys(): Promise<string[]>
}

/** The project's own database for runs. */
export function indexedDbKeyValue(name = 'spqr-runs'): BatchKeyValue {
  const store = openStore(name, 'records')
  return {
    getMany: (wanted) => getMany<unknown>(wanted, store),
    setMany: (entries) => setMany(entries, store),
    delMany: (doomed) => delMany(doomed, store),
    keys: () => keys<string>(store),
  }
}

/**
 * Writes to `below` until it refuses (quota, private mode, no IndexedDB); from then on to memory. What `below` holds
 * stays readable, and nothing that was handed over is lost while the page lives.
 */
export class FallbackKeyValue implements BatchKeyValue {
  private readonly memory = new Map<string, unknown>()
  private readonly removed = new Set<string>()
  private refused: unknown = null

  constructor(
    private readonly below: BatchKeyValue | null,
    private readonly onRefused: (cause: unknown) => void,
  ) {
    if (below === null) this.refuse(new Error('IndexedDB is absent'))
  }

  get persistent(): boolean {
    return this.refused === null
  }

  async getMany(wanted: string[]): Promise<unknown[]> {
    const missing = wanted.filter((key) => !this.memory.has(key) && !this.removed.has(key))
    let stored: unknown[] = []
    if (this.below && missing.length > 0) {
      try {
        stored = await this.below.getMany(missing)
      } catch (error) {
        this.refuse(error)
      }
    }
    const found = new Map(missing.map((key, i) => [key, stored[i]]))
    return wanted.map((key) => (this.memory.has(key) ? this.memory.get(key) : found.get(key)))
  }

  async setMany(entries: [string, unknown][]): Promise<void> {
    if (this.below && this.persistent) {
      try {
        await this.below.setMany(entries)
        return
      } catch (error) {
        this.refuse(error)
      }
    }
    this.hold(entries)
  }

  /** Keeps entries in memory alone, in the place of what is stored. */
  hold(entries: readonly [string, unknown][]): void {
    for (const [key, value] of entries) {
      this.memory.set(key, value)
      this.removed.delete(key)
    }
  }

  async delMany(doomed: string[]): Promise<void> {
    for (const key of doomed) {
      this.memory.delete(key)
      this.removed.add(key)
    }
    if (!this.below) return
    try {
      await this.below.delMany(doomed)
      for (const key of doomed) this.removed.delete(key)
    } catch (error) {
      this.refuse(error)
    }
  }

  async keys(): Promise<string[]> {
    let stored: string[] = []
    if (this.below) {
      try {
        stored = await this.below.keys()
      } catch (error) {
        this.refuse(error)
      }
    }
    return [...new Set([...stored.filter((key) => !this.removed.has(key)), ...this.memory.keys()])]
  }

  private refuse(cause: unknown): void {
    if (this.refused !== null) return
    this.refused = cause
    this.onRefused(cause)
  }
}
