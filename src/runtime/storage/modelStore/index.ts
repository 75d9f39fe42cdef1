/** Model files on this machine: bytes in OPFS or IndexedDB, verified, resumable. */
export type { ByteStore, OpenFile } from './bytes'
export { IndexedDbStore } from './indexedDb'
export {
  MODEL_BYTES_DATABASE,
  MODEL_INDEX_DATABASE,
  ModelStore,
  PIECE_BYTES,
  type FetchOptions,
  type ModelStoreOptions,
} from './modelStore'
export { opfsStore } from './opfs'
