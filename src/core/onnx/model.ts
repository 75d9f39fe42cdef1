/**
 * What a manifest needs to know of an ONNX file: ports, operators, and where every weight is. Field numbers are those
 * of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, ONNX IR).
 */
import { strFromU8 } from 'fflate'
import type { ByteSource, Dtype } from '../adapters'
import { integers, WireFile, type Field } from './wire'

/** One input or output; `dtype` as onnxruntime names it, `unknown-N` for types it has no name for. */
export interface OnnxPort {
  name: string
  dtype: string
  dims: (string | number)[]
}

/** A weight: `location` is the external file's name as the graph spells it, '' inside the graph; offsets in bytes. */
export interface OnnxWeight {
  name: string
  dims: number[]
  dtype: Dtype | null
  location: string
  offset: number
  length: number
}

export interface OnnxModel {
  inputs: OnnxPort[]
  outputs: OnnxPort[]
  /** `domain:operator`, the standard domain being empty. */
  operators: Set<string>
  /** Domain → version of its operator set. */
  opsets: Map<string, number>
  weights: OnnxWeight[]
}

/** TensorProto.DataType → onnxruntime's name, and the one in safetensors where adapters can change such a weight. */
const TYPES: Record<number, readonly [string, Dtype | null]> = {
  1: ['float32', 'F32'],
  2: ['uint8', 'U8'],
  3: ['int8', 'I8'],
  4: ['uint16', 'U16'],
  5: ['int16', 'I16'],
  6: ['int32', 'I32'],
  7: ['int64', 'I64'],
  8: ['string', null],
  9: ['bool', 'BOOL'],
  10: ['float16', 'F16'],
  11: ['float64', 'F64'],
  12: ['uint32', 'U32'],
  13: ['uint64', 'U64'],
  16: ['bfloat16', 'BF16'],
}

/** Reads the head of `name`. Throws GRAPH_MISMATCH with what the file is instead of an ONNX graph. */
export async function readOnnx(source: ByteSource, name: string): Promise<OnnxModel> {
  const file = new WireFile(source, name)
  await assertGraph(file)
  const model: OnnxModel = { inputs: [], outputs: [], operators: new Set(), opsets: new Map(), weights: [] }
  let graphs = 0
  for await (const field of file.fields()) {
    if (field.number === 7) {
      graphs += 1
      await readGraph(file, field, model)
    }
    if (field.number === 8) await readOpset(file, field, model.opsets)
  }
  if (graphs !== 1 || model.outputs.length === 0) throw file.error('it holds no graph with outputs')
  const stored = new Set(model.weights.map((weight) => weight.name))
  // Before IR version 4 every weight was an input as well.
  return { ...model, inputs: model.inputs.filter((port) => !stored.has(port.name)) }
}

/** Says what a file is that was served in the place of a graph. */
async function assertGraph(file: WireFile): Promise<void> {
  if (file.size === 0) throw file.error('it is empty')
  const head = await file.bytes(0, Math.min(64, file.size))
  const text = strFromU8(head, true)
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) throw file.error('the server sent a web page in its place')
  if (text.startsWith('version https://git-lfs'))
    throw file.error('it is a pointer of Git LFS, the file itself was not downloaded')
  if (head[0] === 0x50 && head[1] === 0x4b) throw file.error('it is a ZIP archive, as PyTorch writes checkpoints')
  if (/^.{8}\{"/s.test(text)) throw file.error('it is a safetensors file')
}

async function readGraph(file: WireFile, graph: Field, model: OnnxModel): Promise<void> {
  for await (const field of file.fields(graph.start, graph.end)) {
    switch (field.number) {
      case 1:
        model.operators.add(await readOperator(file, field))
        break
      case 5:
        model.weights.push(await readTensor(file, field))
        break
      case 11:
        model.inputs.push(await readPort(file, field))
        break
      case 12:
        model.outputs.push(await readPort(file, field))
    }
  }
}

/** NodeProto: op_type 4, domain 7. */
async function readOperator(file: WireFile, node: Field): Promise<string> {
  let [operator, domain] = ['', '']
  for await (const field of file.fields(node.start, node.end)) {
    if (field.number === 4) operator = await file.text(field)
    if (field.number === 7) domain = await file.text(field)
  }
  return `${domain === 'ai.onnx' ? '' : domain}:${operator}`
}

/** TensorProto: dims 1, data_type 2, name 8, raw_data 9, external_data 13 {key 1, value 2}. */
async function readTensor(file: WireFile, tensor: Field): Promise<OnnxWeight> {
  const weight: OnnxWeight = { name: '', dims: [], dtype: null, location: '', offset: 0, length: 0 }
  const external = new Map<string, string>()
  for await (const field of file.fields(tensor.start, tensor.end)) {
    switch (field.number) {
      case 1:
        for (const size of await integers(file, field)) {
          if (!Number.isSafeInteger(size)) throw file.error('a weight of it has no finite size')
          weight.dims.push(size)
        }
        break
      case 2:
        weight.dtype = TYPES[field.value]?.[1] ?? null
        break
      case 8:
        weight.name = await file.text(field)
        break
      case 9:
        ;[weight.offset, weight.length] = [field.start, field.end - field.start]
        break
      case 13:
        external.set(...(await readPair(file, field)))
    }
  }
  const location = external.get('location')
  if (location === undefined) return weight
  return {
    ...weight,
    location: location.replace(/^\.\//, ''),
    offset: placeOf(file, external.get('offset')),
    length: placeOf(file, external.get('length')),
  }
}

/** A number of bytes, which external data spell as text. */
function placeOf(file: WireFile, text = '0'): number {
  const place = /^\d{1,15}$/.test(text) ? Number(text) : NaN
  if (Number.isNaN(place)) throw file.error('a weight of it is at no place in its file')
  return place
}

/** StringStringEntryProto. */
async function readPair(file: WireFile, pair: Field): Promise<[string, string]> {
  let [key, value] = ['', '']
  for await (const field of file.fields(pair.start, pair.end)) {
    if (field.number === 1) key = await file.text(field)
    if (field.number === 2) value = await file.text(field)
  }
  return [key, value]
}

/** ValueInfoProto: name 1, type 2 → tensor_type 1 → elem_type 1, shape 2 → dim 1 → dim_value 1, dim_param 2. */
async function readPort(file: WireFile, value: Field): Promise<OnnxPort> {
  const port: OnnxPort = { name: '', dtype: 'unknown', dims: [] }
  for await (const field of file.fields(value.start, value.end)) {
    if (field.number === 1) port.name = await file.text(field)
    if (field.number !== 2) continue
    for await (const type of file.fields(field.start, field.end)) {
      if (type.number !== 1) continue
      for await (const part of file.fields(type.start, type.end)) {
        if (part.number === 1) port.dtype = TYPES[part.value]?.[0] ?? `unknown-${part.value}`
        if (part.number === 2) port.dims = await readShape(file, part)
      }
    }
  }
  return port
}

async function readShape(file: WireFile, shape: Field): Promise<(string | number)[]> {
  const dims: (string | number)[] = []
  for await (const field of file.fields(shape.start, shape.end)) {
    if (field.number !== 1) continue
    let dim: string | number = `dim${dims.length}`
    for await (const part of file.fields(field.start, field.end)) {
      // A size of −1, an unsigned varint of 2⁶⁴ − 1 here, is one that is not fixed.
      if (part.number === 1 && part.value < 2 ** 63) dim = part.value
      if (part.number === 2) dim = await file.text(part)
    }
    dims.push(dim)
  }
  return dims
}

/** OperatorSetIdProto: domain 1, version 2. */
async function readOpset(file: WireFile, opset: Field, opsets: Map<string, number>): Promise<void> {
  let [domain, version] = ['', 0]
  for await (const field of file.fields(opset.start, opset.end)) {
    if (field.number === 1) domain = await file.text(field)
    if (field.number === 2) version = field.value
  }
  opsets.set(domain === 'ai.onnx' ? '' : domain, version)
}
