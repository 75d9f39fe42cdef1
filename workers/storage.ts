/** Stored models, looked after away from the page: checking one reads gigabytes. Exposes StorageApi over comlink. */
import { expose } from 'comlink'
import type { StorageApi } from '../src/core/contracts'
import { showLife } from '../src/runtime/life'
import { ModelStore } from '../src/runtime/storage/modelStore'

const store = ModelStore.open()

const api: StorageApi & { blob(key: string): Promise<Blob> } = {
  facts: async () => (await store).facts(),
  verify: async (key) => (await store).verify(key),
  remove: async (id) => (await store).remove(id),
  /** The file in place, for saving it elsewhere; nothing is copied. */
  blob: async (key) => (await store).blob(key),
}
showLife()
expose(api)
