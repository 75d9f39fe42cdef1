/** Numbers of the weights that are inside an ONNX graph: one that is not finite spoils every picture after it. */
import { toFloats, type ByteSource, type Dtype } from '../adapters'
import { SpqrError, shortened } from '../contracts'
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
/** flatbuffers identifier of onnxruntime's own format, which is no protocol buffer. */
const ORT_FORMAT = 'ORTM'

const memory = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  slice: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
})

/**
 * Refuses a graph with a weight that holds a number that is not finite; infinite ones are meant in masks, whose other
 * numbers are 0, 1 or −1. `onnx`: a valid file, `what`: what it is called. External data are no part of the file.
 * @throws {SpqrError} WEIGHTS_INVALID with the weight's name
 */
export async function assertFinite(onnx: Uint8Array, what: string): Promise<void> {
  if (String.fromCharCode(...onnx.subarray(4, 8)) === ORT_FORMAT) return
  const file = new WireFile(memory(onnx), what)
  for await (const graph of file.fields()) {
    if (graph.number !== 7) continue
    for await (const field of file.fields(graph.start, graph.end))
      if (field.number === 5) await checkTensor(file, field)
  }
}

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
    if (isFinite(dtype, bytes) || isMask(toFloats(dtype, bytes.slice()))) continue
    throw new SpqrError(
      'WEIGHTS_INVALID',
      `The weight "${shortened(name)}" of the ${file.name} holds a number that is not finite.`,
      'Download the model again; if it stays, its publisher has to export it again.',
    )
  }
}

function isFinite(dtype: Dtype, bytes: Uint8Array): boolean {
  const { size, high, low } = EXPONENTS[dtype]!
  for (let last = size - 1; last < bytes.length; last += size)
    if ((bytes[last]! & high) === high && (bytes[last - 1]! & low) === low) return false
  return true
}

const isMask = (values: Float32Array): boolean =>
  values.every((value) => Math.abs(value) === Infinity || (Math.abs(value) <= 1 && Number.isInteger(value)))
