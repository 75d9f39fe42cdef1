/** The runtime: devices, downloads, the cache, sessions, pictures and judges. Used by workers; never scores. */
export { Engine } from './engine'
export { ADAPTER_DATABASE, CHECKPOINT_DATABASE } from './storage/adapterShelf'
export { idbKeyValue, PACK_DATABASE, type KeyValue } from './storage/cache'

export { loadOrt } from './ort'

export { layOut } from './generator/weights'
