/** Numbers of an ONNX graph's weights, inside it and beside it: one that is not finite spoils every picture after it. */
import { toFloats, type ByteSource, type Dtype } from '../adapters'
import { SpqrError, shortened } from '../contracts'
import { readOnnx } from './model'
import { integers, WireFile, type Field } from './wire'

/** TensorProto.DataType of floating-point numbers. */
const FLOATS: Readonly<Record<number, Dtype>> = { 1: 'F32', 10: 'F16', 11: 'F64', 16: 'BF16' }
/** The highest byte but one, and the bits of it that are set with 0x7f (0x7c for F16) above where a number is not finite. */
const EXPONENTS: Partial<Record<Dtype, { size: number; high: number; low: number }>> = {
  F32: { size: 4, high: 0x7f, low: 0x80 },
  F16: { size: 2, high: 0x7c, low: 0 },
  F64: { size: 8, high: 0x7f, low: 0xf0 },
  BF16: { size: 2, high: 0x7f, low: 0x80 },
}
/** Bytes of external data in memory at once. */
const PIECE = 4 * 2 ** 20
/** Graphs within graphs (branches and loops) deeper than this are no model's. */
const DEEPEST = 8
/** flatbuffers identifier of onnxruntime's own format, which is no protocol buffer. */
const ORT_FORMAT = 'ORTM'

const memory = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  slice: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
})

const isOrtFormat = (onnx: Uint8Array): boolean => String.fromCharCode(...onnx.subarray(4, 8)) === ORT_FORMAT

/**
 * Refuses a graph with a weight that holds a number that is not finite; infinite ones are meant in masks, whose other
 * numbers are 0, 1 or −1. `onnx`: a valid file, `what`: what it is called. External data: `assertFiniteData`.
 * @throws {SpqrError} WEIGHTS_INVALID with the weight's name
 */
export async function assertFinite(onnx: Uint8Array, what: string): Promise<void> {
  if (isOrtFormat(onnx)) return
  const file = new WireFile(memory(onnx), what)
  for await (const graph of file.fields()) if (graph.number === 7) await checkGraph(file, graph, DEEPEST)
}

/** GraphProto: node 1 (attribute 5), initializer 5. */
async function checkGraph(file: WireFile, graph: Field, depth: number): Promise<void> {
  if (depth === 0) throw file.error('its graphs are nested too deep')
  for await (const field of file.fields(graph.start, graph.end)) {
    if (field.number === 5) await checkTensor(file, field)
    if (field.number !== 1) continue
    for await (const part of file.fields(field.start, field.end))
      if (part.number === 5) await checkAttribute(file, part, depth)
  }
}

/** AttributeProto: the tensor 5 of a constant, the graph 6 of a branch. */
async function checkAttribute(file: WireFile, attribute: Field, depth: number): Promise<void> {
  for await (const field of file.fields(attribute.start, attribute.end)) {
    if (field.number === 5 && Number.isNaN(field.value)) await checkTensor(file, field)
    if (field.number === 6 && Number.isNaN(field.value)) await checkGraph(file, field, depth - 1)
  }
}

/**
 * Refuses external data with a number that is not finite, as `assertFinite` does for weights inside the graph: every
 * weight is read once, a piece at a time. `open` gives the bytes of a file by the name that the graph gives it.
 * @throws {SpqrError} WEIGHTS_INVALID with the weight's name
 */
export async function assertFiniteData(
  onnx: Uint8Array,
  what: string,
  open: (location: string) => ByteSource | undefined,
): Promise<void> {
  if (isOrtFormat(onnx)) return
  const { weights } = await readOnnx(memory(onnx), what)
  for (const { name, dtype, location, offset, length, dims } of weights) {
    const source = location === '' ? undefined : open(location)
    const size = dtype === null ? undefined : EXPONENTS[dtype]?.size
    if (!source || dtype === null || size === undefined) continue
    const bytes = length || size * dims.reduce((a, b) => a * b, 1)
    if (!(await isFiniteAt(source, dtype, offset, Math.min(source.size, offset + bytes)))) throw notFinite(what, name)
  }
}

async function isFiniteAt(source: ByteSource, dtype: Dtype, start: number, end: number): Promise<boolean> {
  let [finite, mask] = [true, true]
  for (let at = start; at < end && (finite || mask); at += PIECE) {
    const bytes = await source.slice(at, Math.min(PIECE, end - at))
    // Once a number is not finite the whole weight has to be a mask, from its first piece on.
    if (finite && !isFinite(dtype, bytes)) [finite, at] = [false, start - PIECE]
    else if (!finite) mask = isMask(dtype, bytes)
  }
  return finite || mask
}

const notFinite = (what: string, name: string): SpqrError =>
  new SpqrError(
    'WEIGHTS_INVALID',
    `The weight "${shortened(name)}" of the ${what} holds a number that is not finite.`,
    'Download the model again; if it stays, its publisher has to export it again.',
  )

/** TensorProto: data_type 2, float_data 4, int32_data 5, name 8, raw_data 9, double_data 10. */
async function checkTensor(file: WireFile, tensor: Field): Promise<void> {
  let [type, name] = [0, '']
  const runs: Field[] = []
  const halves: number[] = []
  for await (const field of file.fields(tensor.start, tensor.end)) {
    if (field.number === 2) type = field.value
    else if (field.number === 8) name = await file.text(field)
    else if (field.number === 4 || field.number === 9 || field.number === 10) runs.push(field)
    else if (field.number === 5 && type in FLOATS) for (const half of await integers(file, field)) halves.push(half)
  }
  const dtype = FLOATS[type]
  if (dtype === undefined) return
  const parts: Uint8Array[] = [new Uint8Array(Uint16Array.from(halves).buffer)]
  for (const { start, end } of runs) parts.push(await file.bytes(start, end))
  for (const bytes of parts) {
    if (!isFinite(dtype, bytes) && !isMask(dtype, bytes)) throw notFinite(file.name, name)
  }
}

function isFinite(dtype: Dtype, bytes: Uint8Array): boolean {
  const { size, high, low } = EXPONENTS[dtype]!
  const exponent = (high << 8) | low
  // Gigabytes are read: whole words where they begin at a word.
  if (size < 8 && bytes.byteOffset % size === 0) {
    const length = Math.floor(bytes.length / size)
    const words =
      size === 2
        ? new Uint16Array(bytes.buffer, bytes.byteOffset, length)
        : new Uint32Array(bytes.buffer, bytes.byteOffset, length)
    const bits = size === 2 ? exponent : exponent << 16
    for (let i = 0; i < length; i++) if ((words[i]! & bits) === bits) return false
    return true
  }
  for (let last = size - 1; last < bytes.length; last += size)
    if ((bytes[last]! & high) === high && (bytes[last - 1]! & low) === low) return false
  return true
}

function isMask(dtype: Dtype, bytes: Uint8Array): boolean {
  const whole = bytes.length - (bytes.length % EXPONENTS[dtype]!.size)
  return toFloats(dtype, bytes.slice(0, whole)).every(
    (value) => Math.abs(value) === Infinity || (Math.abs(value) <= 1 && Number.isInteger(value)),
  )
}
