/** Model files on this machine: bytes in OPFS or IndexedDB, verified, resumable. */

export { IndexedDbStore } from './indexedDb'
export { ModelStore } from './modelStore'
export { opfsStore } from './opfs'
