/** A model store in a worker, as the page has it, that a test can kill at any byte. */
import { expose } from 'comlink'
import type { FileProgress, StorageFacts } from '../../../src/core/contracts'
import { parseModelAddress } from '../../../src/core/sources'
import { showLife } from '../../../src/runtime/life'
import { idbKeyValue } from '../../../src/runtime/storage/cache'
import { IndexedDbStore, ModelStore, opfsStore } from '../../../src/runtime/storage/modelStore'
import { openSource, type ModelSource } from '../../../src/runtime/published/sources'

export interface TestStoreOptions {
  endpoint: string
  kind: 'opfs' | 'indexeddb'
  pieceBytes: number
  /** Posts `killed` and hangs until stopped once so many bytes have arrived, whatever the file. */
  hangAfter?: number
  /** What the browser would say of its room; absent: nothing. */
  room?: number
}

/** Delivers exactly `limit` bytes in all. */
function hanging(source: ModelSource, limit: number): ModelSource {
  let left = limit
  return {
    id: source.id,
    list: (signal) => source.list(signal),
    local: (path) => source.local(path),
    readRange: (...args) => source.readRange(...args),
    stream: (path, start, end, onBytes, signal) =>
      source.stream(
        path,
        start,
        end,
        async (bytes, offset) => {
          const taken = Math.min(left, bytes.length)
          left -= taken
          if (taken > 0) await onBytes(bytes.subarray(0, taken), offset)
          if (left > 0) return
          postMessage('killed')
          await new Promise((_, reject) => {
            signal?.addEventListener('abort', () => {
              reject(new Error('stopped'))
            })
          })
        },
        signal,
      ),
  }
}

async function open({ kind, pieceBytes, room }: TestStoreOptions): Promise<ModelStore> {
  const opfs = kind === 'opfs' ? await opfsStore('test-models') : null
  if (kind === 'opfs' && !opfs) throw new Error('There is no OPFS here.')
  return ModelStore.open({
    index: idbKeyValue('test-models'),
    bytes: opfs ?? new IndexedDbStore(idbKeyValue('test-model-bytes')),
    pieceBytes,
    estimate: () => Promise.resolve(room === undefined ? {} : { usage: 0, quota: room }),
  })
}

const stops = new Set<AbortController>()

export const api = {
  async fetch(
    options: TestStoreOptions,
    address: string,
    paths: string[],
    onProgress?: (progress: FileProgress) => void,
  ): Promise<Map<string, Blob>> {
    const real = openSource(parseModelAddress(address), { endpoint: options.endpoint, token: null })
    const source = options.hangAfter === undefined ? real : hanging(real, options.hangAfter)
    const stop = new AbortController()
    stops.add(stop)
    return (await open(options)).fetch(source, paths, {
      signal: stop.signal,
      ...(onProgress
        ? {
            onProgress: (progress: FileProgress) => {
              onProgress(progress)
            },
          }
        : {}),
    })
  },
  stop(): void {
    for (const stop of stops) stop.abort()
  },
  facts: async (options: TestStoreOptions): Promise<StorageFacts> => (await open(options)).facts(),
  verify: async (options: TestStoreOptions, key: string): Promise<boolean> => (await open(options)).verify(key),
  remove: async (options: TestStoreOptions, id: string): Promise<void> => (await open(options)).remove(id),
  /** Changes one stored byte behind the store's back. */
  async damage({ kind, pieceBytes }: TestStoreOptions, key: string, at: number): Promise<void> {
    const bytes =
      kind === 'opfs' ? (await opfsStore('test-models'))! : new IndexedDbStore(idbKeyValue('test-model-bytes'))
    const file = await bytes.open(key, pieceBytes)
    const i = Math.floor(at / pieceBytes)
    const piece = (await file.get(i, pieceBytes))!
    piece[at % pieceBytes] = piece[at % pieceBytes]! ^ 1
    await file.put(i, piece)
    await file.close()
  },
}
export type TestStoreApi = typeof api
showLife()
expose(api)
