/** How engine and trainer alike begin: the pack's files and description. */
import { openPack, type OpenedPack } from './pack'
import type { OnEvent } from './events'
import { idbKeyValue, PACK_DATABASE, type KeyValue } from './storage/cache'
import { PackFiles } from './storage/files'

export interface OpenOptions {
  /** For tests: the network, the stores. */
  fetch?: typeof fetch
  store?: (database: string) => KeyValue
  chunkBytes?: number
}

export interface OpenedFiles {
  pack: OpenedPack
  files: PackFiles
  fetch: typeof fetch
  store: (database: string) => KeyValue
}

/** Opens the pack at `baseUrl`, an address that ends in a slash. @throws SpqrError */
export async function openFiles(
  options: OpenOptions,
  baseUrl: string,
  onEvent: OnEvent,
  signal: AbortSignal,
): Promise<OpenedFiles> {
  const fetcher = options.fetch ?? fetch.bind(globalThis)
  const store = options.store ?? idbKeyValue
  const packs = store(PACK_DATABASE)
  const { chunkBytes } = options
  const files = new PackFiles({ baseUrl, store: packs, onEvent, fetch: fetcher, ...(chunkBytes ? { chunkBytes } : {}) })
  const pack = await openPack({ baseUrl, files, store: packs, fetch: fetcher, onEvent }, signal)
  return { pack, files, fetch: fetcher, store }
}
