/** Adapters and their files: safetensors, LoRA and its relatives, whole-tensor differences, and merging. */
export { elementBytes, fromFloats, halfBits, toFloats, type Dtype } from './dtypes'
export { addLowRank, type Factors } from './lowRank'
export { applyAdapters, mergeStream, stackAdapters } from './merge'
export { MAX_ADAPTER_BYTES, parseAdapter, type Adapter, type AdapterFormat, type AdapterOptions } from './parse'
export {
  openSafetensors,
  readSafetensors,
  writeSafetensors,
  type ByteSource,
  type SafetensorsFile,
  type SafetensorsHeader,
  type Tensor,
  type TensorEntry,
  type TensorInput,
} from './safetensors'
export { loraMetadata, withConfig } from './scales'
