/** Adapters and their files: safetensors, LoRA and its relatives, whole-tensor differences, and merging. */
export { decoderSha256, readAccelerator } from './accelerator'
export { fromFloats, halfBits, toFloats, type Dtype } from './dtypes'

export { applyAdapters, stackAdapters } from './merge'
export { MAX_ADAPTER_BYTES, parseAdapter, type Adapter, type AdapterOptions } from './parse'
export {
  readSafetensors,
  writeSafetensors,
  type ByteSource,
  type SafetensorsFile,
  type TensorInput,
} from './safetensors'
export { loraMetadata, withConfig } from './scales'
