/** A key-value store in memory, with the failures that IndexedDB has. */
import type { KeyValue } from '../../src/runtime'

export class MemoryKeyValue implements KeyValue {
  readonly values = new Map<string, unknown>()
  writes = 0

  /** `quota`: how many values may be set before the browser refuses. */
  constructor(private readonly quota = Infinity) {}

  get(key: string): Promise<unknown> {
    return Promise.resolve(this.values.get(key))
  }

  set(key: string, value: unknown): Promise<void> {
    if (this.writes >= this.quota)
      return Promise.reject(new DOMException('The quota has been exceeded.', 'QuotaExceededError'))
    this.writes += 1
    this.values.set(key, structuredClone(value))
    return Promise.resolve()
  }

  delete(key: string): Promise<void> {
    this.values.delete(key)
    return Promise.resolve()
  }

  keys(): Promise<string[]> {
    return Promise.resolve([...this.values.keys()])
  }
}
