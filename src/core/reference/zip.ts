/**
 * Zip archives (APPNOTE 6.3.9) read by their central directory. Sizes are checked as they are stated, nothing is inflated
 * beyond what it states, and every file is held against its CRC-32, so that a changed byte is found.
 */
import { Inflate } from 'fflate'
import { shortened } from '../contracts'

/** Most bytes that a file unpacks to: a covariance of 4,096 features in float64, and as much again. */
const MAX_BYTES = 2 ** 28
/** A file of FID statistics holds two or three. */
const MAX_FILES = 64
/** Deflate grows at most 1,032-fold. */
const MAX_RATIO = 1032
/** Bytes inflated at once: they cannot outrun the stated size by more than 17 MB. */
const SLICE = 2 ** 14
const [END, ENTRY, LOCAL] = [0x06054b50, 0x02014b50, 0x04034b50]
/** The end of the archive with its longest comment. */
const MAX_END = 22 + 0xffff

interface Stated {
  name: string
  method: number
  crc: number
  packed: number
  size: number
  local: number
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 255]!
  return (crc ^ 0xffffffff) >>> 0
}

/** The files of an archive by name, or what is wrong as the end of a sentence. */
export function readZip(bytes: Uint8Array): Map<string, Uint8Array> | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const stated = readDirectory(bytes, view)
  if (typeof stated === 'string') return stated
  const files = new Map<string, Uint8Array>()
  for (const entry of stated) {
    if (files.has(entry.name)) return `two of its files are called "${shortened(entry.name)}"`
    const content = contentOf(bytes, view, entry)
    if (content === null || content.length !== entry.size || crc32(content) !== entry.crc)
      return `"${shortened(entry.name)}" in it is damaged`
    files.set(entry.name, content)
  }
  return files
}

const CUT = 'it is no zip file, or is cut off'

function readDirectory(bytes: Uint8Array, view: DataView): Stated[] | string {
  let end = bytes.length - 22
  const lowest = Math.max(0, bytes.length - MAX_END)
  while (end >= lowest && view.getUint32(end, true) !== END) end--
  if (end < lowest) return CUT
  const count = view.getUint16(end + 10, true)
  if (count > MAX_FILES) return `it holds more than ${MAX_FILES} arrays`
  let [at, left] = [view.getUint32(end + 16, true), MAX_BYTES]
  const entries: Stated[] = []
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== ENTRY) return CUT
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true)) as [
      number,
      number,
      number,
    ]
    const entry = {
      name: String.fromCharCode(...bytes.subarray(at + 46, at + 46 + Math.min(nameLength, 1000))),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      local: view.getUint32(at + 42, true),
    }
    left -= entry.size
    if (left < 0) return `it unpacks to more than ${MAX_BYTES / 2 ** 20} MiB`
    if ((view.getUint16(at + 8, true) & 1) === 1) return 'it is encrypted'
    if (entry.size > MAX_RATIO * entry.packed + 1024) return 'its sizes are not true'
    entries.push(entry)
    at += 46 + nameLength + extra + comment
  }
  return entries
}

/** Null when it is cut off, packed in another way, or larger than it states. */
function contentOf(bytes: Uint8Array, view: DataView, { method, packed, size, local }: Stated): Uint8Array | null {
  if (local + 30 > bytes.length || view.getUint32(local, true) !== LOCAL) return null
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
  if (start + packed > bytes.length) return null
  const data = bytes.subarray(start, start + packed)
  if (method === 0) return data
  return method === 8 ? inflated(data, size) : null
}

function inflated(data: Uint8Array, size: number): Uint8Array | null {
  const whole = new Uint8Array(size)
  let [total, complete] = [0, false]
  const stream = new Inflate((chunk, final) => {
    if (total + chunk.length > size) throw new RangeError('larger than stated')
    whole.set(chunk, total)
    total += chunk.length
    complete = final
  })
  try {
    for (let at = 0; at < data.length || at === 0; at += SLICE)
      stream.push(data.subarray(at, at + SLICE), at + SLICE >= data.length)
  } catch {
    return null
  }
  return complete ? whole.subarray(0, total) : null
}
