/** A dump of the page's run store as JSON, as tests/fixtures/make.ts writes it, and the way back into a store. */
export type StoredValue = string | number | boolean | null | StoredValue[] | { [key: string]: StoredValue }
export interface StoreDump {
  database: string
  store: string
  entries: [string, StoredValue][]
}

/** Puts every entry of a dump into a store, with the types it had: base64 with a type's name is that typed array. */
export function putBack(
  dump: StoreDump,
  store: { setMany(entries: [string, unknown][]): Promise<void> },
): Promise<void> {
  return store.setMany(dump.entries.map(([key, value]): [string, unknown] => [key, decode(value)]))
}

function decode(value: StoredValue): unknown {
  if (Array.isArray(value)) return value.map(decode)
  if (typeof value !== 'object' || value === null) return value
  if (typeof value.$type === 'string' && typeof value.base64 === 'string') return typed(value.$type, value.base64)
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, decode(part)]))
}

function typed(type: string, base64: string): Uint8Array | Float32Array {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  if (type === 'Uint8Array') return bytes
  if (type === 'Float32Array') return new Float32Array(bytes.buffer)
  throw new Error(`the dump holds a ${type}, which this helper does not know`)
}

/** A store that keeps what it is given, as IndexedDB does: copies. */
export class DumpStore {
  readonly values = new Map<string, unknown>()

  getMany(keys: string[]): Promise<unknown[]> {
    return Promise.resolve(keys.map((key) => structuredClone(this.values.get(key))))
  }

  setMany(entries: [string, unknown][]): Promise<void> {
    for (const [key, value] of entries) this.values.set(key, structuredClone(value))
    return Promise.resolve()
  }

  delMany(keys: string[]): Promise<void> {
    for (const key of keys) this.values.delete(key)
    return Promise.resolve()
  }

  keys(): Promise<string[]> {
    return Promise.resolve([...this.values.keys()])
  }
}
