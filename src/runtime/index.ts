/** The runtime: devices, downloads, the cache, sessions, pictures and judges. Used by workers; never scores. */
export { Engine, PACK_DATABASE } from './engine'
export { ADAPTER_DATABASE, CHECKPOINT_DATABASE } from './storage/adapterShelf'
export { idbKeyValue, type KeyValue } from './storage/cache'

export { loadOrt } from './ort'

export { layOut } from './generator/weights'
