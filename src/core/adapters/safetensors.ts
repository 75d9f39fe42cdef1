/**
 * Reading and writing safetensors: 8 bytes little-endian header length, a JSON header
 * `{name: {dtype, shape, data_offsets: [begin, end]}, __metadata__?: {…}}`, then the tensors' bytes.
 * Everything the header says is checked before a byte of a tensor is touched; nothing is evaluated.
 * Format: https://github.com/huggingface/safetensors#format
 */
import { strFromU8, strToU8 } from 'fflate'
import { SpqrError } from '../contracts/errors'
import { DTYPES, elementBytes, fromFloats, isDtype, toFloats, type Dtype } from './dtypes'
import { parseLoosely } from '../contracts/json'
import { isObject, shortened } from '../contracts/outside'

/** Longest header accepted, in bytes (the reference implementation's limit). */
export const MAX_HEADER_BYTES = 100_000_000
export const MAX_TENSORS = 100_000

export interface Tensor {
  dtype: Dtype
  shape: readonly number[]
  /** The elements as float32, a new array at each call. */
  floats(): Float32Array
  /** Raw little-endian bytes, a view of the file. */
  bytes: Uint8Array
}
export interface SafetensorsFile {
  metadata: Record<string, string>
  tensors: Map<string, Tensor>
}

/** Where a tensor is; `offset` and `length` in bytes from the start of the file. */
export interface TensorEntry {
  dtype: Dtype
  shape: readonly number[]
  offset: number
  length: number
}
export interface SafetensorsHeader {
  metadata: Record<string, string>
  entries: Map<string, TensorEntry>
}

/** Random access to bytes that may be too many to hold: a Blob, a file, a range request. */
export interface ByteSource {
  size: number
  slice(offset: number, length: number): Promise<Uint8Array>
}

/** Something to write: float32 values (stored as F32 or F16) or raw bytes of any type. */
export interface TensorInput {
  dtype: Dtype
  shape: readonly number[]
  data: Float32Array | Uint8Array
}

const invalid = (message: string, hint = 'Save the file again as safetensors, or download it again.') =>
  new SpqrError('SAFETENSORS_INVALID', message, hint)

/** Length of the JSON header, out of the first 8 bytes of a file of `size` bytes. */
function headerLength(head: Uint8Array, size: number): number {
  if (size < 10 || head.length < 8) throw invalid(`The file has only ${size} bytes: it is no safetensors file.`)
  const zip = head[0] === 0x50 && head[1] === 0x4b && head[2] === 3
  const pickle = head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5
  const view = new DataView(head.buffer, head.byteOffset, 8)
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32
  const fits = length >= 2 && length <= MAX_HEADER_BYTES && 8 + length <= size
  if (!fits && (zip || pickle)) {
    throw invalid(
      'The file is a PyTorch checkpoint (pickle) under another name; such files can run code and are never opened.',
      'Convert it to safetensors with the tool that made it.',
    )
  }
  if (!fits) throw invalid(`The header claims ${length} bytes, but the file has ${size}.`)
  return length
}

/** Checks a header (the JSON bytes alone) against a file of `size` bytes. */
function parseHeader(json: Uint8Array, size: number): SafetensorsHeader {
  const text = strFromU8(json)
  const { value: parsed, fault } = parseLoosely(text)
  if (fault !== null) throw invalid(`The header's JSON cannot be read: ${fault}.`)
  if (text.includes('\uFFFD')) throw invalid('The header is not valid UTF-8.')
  if (!isObject(parsed) || text[0] !== '{') throw invalid('The header is not a JSON object.')
  const start = 8 + json.length
  const metadata = new Map<string, string>()
  const entries = new Map<string, TensorEntry>()
  for (const [name, value] of Object.entries(parsed)) {
    if (name === '__metadata__') {
      if (!isObject(value)) throw invalid("The header's __metadata__ is not an object.")
      for (const [key, item] of Object.entries(value)) {
        if (typeof item !== 'string') throw invalid(`The metadata field "${shortened(key)}" is not a string.`)
        metadata.set(key, item)
      }
    } else {
      entries.set(name, parseEntry(name, value, start, size))
    }
  }
  if (entries.size > MAX_TENSORS)
    throw invalid(`The file lists ${entries.size} tensors; at most ${MAX_TENSORS} are accepted.`)
  checkCoverage(entries, start, size)
  return { metadata: Object.fromEntries(metadata), entries }
}

function parseEntry(name: string, value: unknown, start: number, size: number): TensorEntry {
  if (!isObject(value)) throw invalid(`Tensor "${shortened(name)}" is not described by an object.`)
  const { dtype, shape, data_offsets: range } = value
  if (!isDtype(dtype)) {
    throw invalid(
      `Tensor "${shortened(name)}" has the unknown type ${typeof dtype === 'string' ? `"${shortened(dtype)}"` : typeof dtype}.`,
      `Known types: ${DTYPES.join(', ')}.`,
    )
  }
  const counts = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && (n as number) >= 0)
  if (!counts(shape) || shape.length > 8) throw invalid(`Tensor "${shortened(name)}" has no valid shape.`)
  if (!counts(range) || range.length !== 2) throw invalid(`Tensor "${shortened(name)}" has no valid data_offsets.`)
  const [begin, end] = range as [number, number]
  if (begin > end || start + end > size) {
    throw invalid(
      `Tensor "${shortened(name)}" claims bytes ${begin} to ${end}, outside the file's ${size - start} bytes of data.`,
    )
  }
  const length = shape.reduce((a, b) => a * b, 1) * elementBytes(dtype)
  if (length !== end - begin) {
    throw invalid(
      `Tensor "${shortened(name)}" of shape [${shape.join(', ')}] needs ${length} bytes but has ${end - begin}.`,
    )
  }
  return { dtype, shape, offset: start + begin, length }
}

/** Tensors must tile the data section exactly: no overlap, no hole, nothing behind the last one. */
function checkCoverage(entries: Map<string, TensorEntry>, start: number, size: number): void {
  let position = start
  const sorted = [...entries].sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length)
  for (const [name, entry] of sorted) {
    if (entry.offset < position) throw invalid(`Tensor "${shortened(name)}" overlaps the one before it.`)
    if (entry.offset > position)
      throw invalid(`There are ${entry.offset - position} unclaimed bytes before tensor "${shortened(name)}".`)
    position = entry.offset + entry.length
  }
  if (position !== size) throw invalid(`There are ${size - position} unclaimed bytes at the end of the file.`)
}

/**
 * Reads a whole file. Tensors are views of `bytes`.
 * @throws SpqrError SAFETENSORS_INVALID when anything in the header does not hold.
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const length = headerLength(bytes.subarray(0, 8), bytes.length)
  const { metadata, entries } = parseHeader(bytes.subarray(8, 8 + length), bytes.length)
  const tensors = new Map<string, Tensor>()
  for (const [name, { dtype, shape, offset, length: size }] of entries) {
    const view = bytes.subarray(offset, offset + size)
    tensors.set(name, { dtype, shape, bytes: view, floats: () => toFloats(dtype, view) })
  }
  return { metadata, tensors }
}

function inputBytes(name: string, { dtype, shape, data }: TensorInput): Uint8Array {
  if (data instanceof Float32Array && dtype !== 'F32' && dtype !== 'F16') {
    throw new SpqrError('BAD_INPUT', `Tensor "${name}": float values are written as F32 or F16, not ${dtype}.`)
  }
  const bytes = data instanceof Float32Array ? fromFloats(dtype as 'F32' | 'F16', data) : data
  const expected = shape.reduce((a, b) => a * b, 1) * elementBytes(dtype)
  if (bytes.length !== expected) {
    throw new SpqrError(
      'BAD_INPUT',
      `Tensor "${name}" has ${bytes.length} bytes; shape [${shape.join(', ')}] of ${dtype} needs ${expected}.`,
    )
  }
  return bytes
}

const byCodePoint = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * Writes a file; equal input gives equal bytes whatever the order of the maps: wider types first (so that
 * each tensor is aligned to its element), then by name, as the reference implementation does.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, TensorInput>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const rows = [...tensors].sort(
    ([nameA, a], [nameB, b]) => elementBytes(b.dtype) - elementBytes(a.dtype) || byCodePoint(nameA, nameB),
  )
  const header: Record<string, unknown> = {}
  const keys = Object.keys(metadata).sort(byCodePoint)
  if (keys.length > 0) header['__metadata__'] = Object.fromEntries(keys.map((key) => [key, metadata[key]]))
  const parts: Uint8Array[] = []
  let end = 0
  for (const [name, tensor] of rows) {
    const bytes = inputBytes(name, tensor)
    header[name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [end, end + bytes.length] }
    parts.push(bytes)
    end += bytes.length
  }
  const json = strToU8(JSON.stringify(header))
  const start = 8 + Math.ceil(json.length / 8) * 8
  const file = new Uint8Array(start + end).fill(0x20, 8, start)
  new DataView(file.buffer).setUint32(0, start - 8, true)
  file.set(json, 8)
  let position = start
  for (const part of parts) {
    file.set(part, position)
    position += part.length
  }
  return file
}
