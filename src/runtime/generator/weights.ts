/**
 * Weights at rest (float16 or float32 safetensors) → the float32 buffer the graph reads, laid out by the manifest,
 * with adapters merged on the way.
 */
import { applyAdapters, readSafetensors, type Adapter, type SafetensorsFile } from '../../core/adapters'
import { SpqrError, type Component, type ModelComponent } from '../../core/contracts'
import { allFinite } from '../../core/finite'

const AGAIN = 'The weights and the manifest are of different versions; publish the pack again.'
const invalid = (what: string, why: string) =>
  new SpqrError('WEIGHTS_INVALID', `The weights of ${what} do not fit its manifest: ${why}.`, AGAIN)
const show = (shape: readonly number[]): string => `[${shape.join(', ')}]`
const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** Weight name → shape, as the manifest lists them. */
export function weightShapes(component: ModelComponent): Map<string, readonly number[]> {
  return new Map(
    ('onnx' in component ? component.weights : component.externalData.tensors).map(({ name, dims }) => [name, dims]),
  )
}

/** A part as packs have it; training and its files need that. Throws BAD_INPUT for a published ONNX file. */
export function packed(what: string, component: ModelComponent): Component {
  if ('graph' in component) return component
  throw new SpqrError(
    'BAD_INPUT',
    `The ${what} is a published ONNX file, which cannot be trained here.`,
    'Fine-tune it elsewhere and load the LoRA, or choose a pack with training steps.',
  )
}

/** Names, shapes, types and offsets: everything about the file is compared before a number is read. */
export function assertWeights(what: string, file: SafetensorsFile, component: Component): void {
  const { bytes, tensors } = component.externalData
  const listed = new Set(tensors.map(({ name }) => name))
  const extra = [...file.tensors.keys()].find((name) => !listed.has(name))
  if (extra !== undefined) throw invalid(what, `the file holds the tensor "${extra}", which the manifest does not list`)
  let end = 0
  for (const { name, dims, offset, length } of [...tensors].sort((a, b) => a.offset - b.offset)) {
    const tensor = file.tensors.get(name)
    if (!tensor) throw invalid(what, `the file lacks the tensor "${name}"`)
    if (tensor.shape.length !== dims.length || tensor.shape.some((n, i) => n !== dims[i])) {
      throw invalid(what, `the tensor "${name}" has the shape ${show(tensor.shape)}, the manifest says ${show(dims)}`)
    }
    if (!['F16', 'F32', 'BF16'].includes(tensor.dtype))
      throw invalid(what, `the tensor "${name}" is ${tensor.dtype}, not a float`)
    if (length !== 4 * product(dims) || offset % 4 !== 0 || offset < end || offset + length > bytes) {
      throw invalid(what, `the manifest places the tensor "${name}" wrongly in the external data`)
    }
    end = offset + length
  }
}

/**
 * The buffer for `externalData`: little-endian float32, `externalData.bytes` long, without any adapter.
 * @throws SpqrError SAFETENSORS_INVALID, WEIGHTS_INVALID
 */
export function layOutPlain(what: string, component: Component, stored: Uint8Array): Uint8Array<ArrayBuffer> {
  const file = readSafetensors(stored)
  assertWeights(what, file, component)
  const data = new Uint8Array(component.externalData.bytes)
  for (const { name, offset, length } of component.externalData.tensors) {
    const weight = new Float32Array(data.buffer, offset, length / 4)
    weight.set(file.tensors.get(name)!.floats())
    if (!allFinite(weight)) throw invalid(what, `the tensor "${name}" holds a value that is not a finite number`)
  }
  return data
}

/**
 * Adds adapters to a buffer for `externalData` in place, in float32 and in the order given; returns it.
 * @throws SpqrError ADAPTER_NAN
 */
export function mergeAdapters<Data extends Uint8Array<ArrayBuffer>>(
  data: Data,
  component: Component,
  adapters: readonly Adapter[],
): Data {
  if (adapters.length === 0) return data
  for (const { name, offset, length } of component.externalData.tensors)
    applyAdapters(adapters, name, new Float32Array(data.buffer, data.byteOffset + offset, length / 4))
  return data
}

/**
 * The buffer for `externalData` with adapters.
 * @throws SpqrError SAFETENSORS_INVALID, WEIGHTS_INVALID, ADAPTER_NAN
 */
export function layOut(
  what: string,
  component: Component,
  stored: Uint8Array,
  adapters: readonly Adapter[] = [],
): Uint8Array<ArrayBuffer> {
  return mergeAdapters(layOutPlain(what, component, stored), component, adapters)
}
