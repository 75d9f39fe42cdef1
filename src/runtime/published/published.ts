/** Published ONNX files as sessions: weights inside the graph or beside it, with adapters merged into their bytes. */
import { applyAdapters, fromFloats, halfBits, toFloats, type Adapter } from '../../core/adapters'
import { SpqrError, type OnnxComponent, type OnnxWeight, type RepositoryFile } from '../../core/contracts'
import { throwIfAborted, type OnEvent } from '../events'
import { Graph } from '../generator/graph'
import type { OrtRuntime } from '../ort'

/** Where the files of a published model are once they are on this machine. */
export interface PublishedFiles {
  /** The whole verified file, on disk where the browser can keep it there. */
  blob(file: RepositoryFile, signal?: AbortSignal): Promise<Blob>
}

/** Number formats that a merged weight is written back in. */
const WRITABLE = ['F32', 'F16'] as const
const HALF_INFINITY = 0x7c00

async function bytesOf(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await blob.arrayBuffer())
}

/** One weight as float32. */
export async function readWeight(blob: Blob, weight: OnnxWeight): Promise<Float32Array> {
  const bytes = await bytesOf(blob.slice(weight.offset, weight.offset + weight.length))
  if (bytes.length !== weight.length)
    throw new SpqrError(
      'WEIGHTS_INVALID',
      `The weight "${weight.name}" ends after ${bytes.length} of ${weight.length} bytes.`,
      'Download the model again.',
    )
  return toFloats(weight.dtype, bytes)
}

/**
 * The file with adapters merged into the weights that are in it, one weight in memory at a time; everything else stays
 * where it is. Added in float32, rounded to the weight's own type.
 * @throws SpqrError ADAPTER_NAN, WEIGHTS_INVALID
 */
export async function mergeInto(
  blob: Blob,
  weights: readonly OnnxWeight[],
  adapters: readonly Adapter[],
): Promise<Blob> {
  const touched = weights
    .filter(({ name }) => adapters.some(({ targets }) => targets.has(name)))
    .sort((a, b) => a.offset - b.offset)
  const pieces: BlobPart[] = []
  let end = 0
  for (const weight of touched) {
    const dtype = WRITABLE.find((one) => one === weight.dtype)
    if (!dtype)
      throw new SpqrError(
        'ADAPTER_INVALID',
        `The weight "${weight.name}" is stored as ${weight.dtype}, into which adapters cannot be merged.`,
        'Use the float32 or float16 export of the model.',
      )
    const values = await readWeight(blob, weight)
    applyAdapters(adapters, weight.name, values)
    if (dtype === 'F16' && values.some((value) => halfBits(Math.abs(value)) === HALF_INFINITY))
      throw new SpqrError(
        'ADAPTER_NAN',
        `After merging, the weight "${weight.name}" is too large for the half precision it is stored in.`,
        'Lower the strength of the adapters, or use the float32 export of the model.',
      )
    // A Blob at once: the browser keeps its bytes, on disk where they are many, and this heap is free of them.
    pieces.push(blob.slice(end, weight.offset), new Blob([new Uint8Array(fromFloats(dtype, values))]))
    end = weight.offset + weight.length
  }
  return touched.length === 0 ? blob : new Blob([...pieces, blob.slice(end)])
}

/**
 * Components whose weights were found finite, by the opened model, or by the adapters that were merged into them: one that
 * is loaded for every batch is read through once.
 */
const sound = new WeakMap<PublishedFiles | readonly Adapter[], Set<string>>()

function soundOf(owner: PublishedFiles | readonly Adapter[]): Set<string> {
  const known = sound.get(owner) ?? new Set<string>()
  sound.set(owner, known)
  return known
}

/** Graph and external data of a component, merged with adapters, as a session. Throws download, adapter and graph errors. */
export async function createPublished(
  runtime: OrtRuntime,
  files: PublishedFiles,
  what: string,
  component: OnnxComponent,
  adapters: readonly Adapter[],
  onEvent: OnEvent,
  signal?: AbortSignal,
): Promise<Graph> {
  const lying = (location: string) => component.weights.filter((weight) => weight.location === location)
  if (adapters.length > 0) onEvent({ type: 'phase', phase: 'merge', what })
  const graph = await mergeInto(await files.blob(component.onnx, signal), lying(''), adapters)
  const data: { path: string; data: Blob }[] = []
  for (const { location, file } of component.data)
    data.push({ path: location, data: await mergeInto(await files.blob(file, signal), lying(location), adapters) })
  throwIfAborted(signal)
  onEvent({ type: 'phase', phase: 'session', what })
  const known = soundOf(adapters.length > 0 ? adapters : files)
  const key = JSON.stringify([component.onnx, component.data])
  const made = await Graph.fromOnnx(runtime, what, await bytesOf(graph), data, known.has(key))
  known.add(key)
  return made
}
