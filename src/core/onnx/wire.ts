/**
 * Protocol-buffer wire format (https://protobuf.dev/programming-guides/encoding/) over a file that may be too large to
 * hold: fields are visited in place, and only the bytes asked for are read. An ONNX file of 2 GB is understood from a
 * few hundred kilobytes of it.
 */
import { strFromU8 } from 'fflate'
import { SpqrError } from '../contracts/errors'
import type { ByteSource } from '../adapters'

/** Bytes fetched at once while walking; a request to a hub costs more than this. */
const WINDOW = 256 * 1024

/** One field: a number, or a run of bytes `[start, end)` of the file. */
export interface Field {
  number: number
  /** Varints and fixed-width numbers, exact up to 2^53; NaN for a run of bytes. */
  value: number
  start: number
  end: number
}

const broken = (name: string, why: string) =>
  new SpqrError(
    'GRAPH_MISMATCH',
    `"${name}" is no ONNX graph: ${why}.`,
    'Export the model again, or download it again.',
  )

/** Random access with one window of read-ahead. */
export class WireFile {
  private window: Uint8Array = new Uint8Array()
  private windowStart = 0

  /** `name` is what errors call the file. */
  constructor(
    private readonly source: ByteSource,
    readonly name: string,
  ) {}

  get size(): number {
    return this.source.size
  }

  error(why: string): SpqrError {
    return broken(this.name, why)
  }

  /** The bytes `[start, end)`, a view. */
  async bytes(start: number, end: number): Promise<Uint8Array> {
    if (end > this.size || end < start) throw this.error('it ends in the middle of a field')
    if (start < this.windowStart || end > this.windowStart + this.window.length) {
      this.window = await this.source.slice(start, Math.min(Math.max(WINDOW, end - start), this.size - start))
      this.windowStart = start
      if (this.window.length < end - start) throw this.error('it ends in the middle of a field')
    }
    return this.window.subarray(start - this.windowStart, end - this.windowStart)
  }

  async text(field: Field): Promise<string> {
    if (field.end - field.start > 65536) throw this.error('it holds a name of unlikely length')
    return strFromU8(await this.bytes(field.start, field.end))
  }

  /** The fields of the message that is at `[start, end)`, in file order. */
  async *fields(start = 0, end = this.size): AsyncGenerator<Field> {
    let at = start
    while (at < end) {
      const head = await this.bytes(at, Math.min(at + 20, end))
      const tag = varint(head, 0)
      if (!tag) throw this.error('it ends in the middle of a field')
      const number = Math.floor(tag.value / 8)
      const body = at + tag.length
      const field = readField(head, tag, body)
      if (!field || number === 0 || field.end > end) throw this.error('its bytes are no protocol buffer')
      yield { number, ...field }
      at = field.end
    }
  }
}

interface Varint {
  value: number
  length: number
}

/** A base-128 number; values beyond 2^53 lose their last bits, which no field read here has. Null where it is cut off. */
function varint(bytes: Uint8Array, from: number): Varint | null {
  let value = 0
  for (let i = from; i < bytes.length && i < from + 10; i++) {
    const byte = bytes[i]!
    value += (byte & 127) * 2 ** (7 * (i - from))
    if (byte < 128) return { value, length: i - from + 1 }
  }
  return null
}

/** The body of a field, `body` being its place in the file; null for what is no field. */
function readField(head: Uint8Array, tag: Varint, body: number): Omit<Field, 'number'> | null {
  switch (tag.value % 8) {
    case 0: {
      const found = varint(head, tag.length)
      return found && { value: found.value, start: body, end: body + found.length }
    }
    case 1:
      return { value: NaN, start: body, end: body + 8 }
    case 2: {
      const length = varint(head, tag.length)
      return length && { value: NaN, start: body + length.length, end: body + length.length + length.value }
    }
    case 5:
      return { value: NaN, start: body, end: body + 4 }
    default:
      return null
  }
}

/** Numbers of a repeated integer field, packed or not. */
export async function integers(file: WireFile, field: Field): Promise<number[]> {
  if (!Number.isNaN(field.value)) return [field.value]
  const bytes = await file.bytes(field.start, field.end)
  const found: number[] = []
  for (let at = 0; at < bytes.length;) {
    const next = varint(bytes, at)
    if (!next) throw file.error('it ends in the middle of a number')
    found.push(next.value)
    at += next.length
  }
  return found
}
