/**
 * Reference pictures as Pillow's plain decode gives them, `Image.open(file).convert("RGB")`: the numbers in the file,
 * whatever gamma, colour profile, orientation or transparency it asks a viewer for. Published reference statistics are made
 * that way, and a browser would apply all of these.
 */
import { decode, type DecodedPng } from 'fast-png'
import { SpqrError } from '../contracts'

export interface PlainPicture {
  width: number
  height: number
  /** Row-major, three bytes a pixel. */
  rgb: Uint8Array<ArrayBuffer>
}

/** Larger pictures would fill the memory of a small machine before they are made small. */
const MAX_PIXELS = 50_000_000
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

const refuse = (name: string, what: string, hint: string): SpqrError =>
  new SpqrError('DATASET_INVALID', `The picture "${name}" ${what}.`, hint)
const AGAIN = 'Remove it or save it again as 8-bit RGB PNG.'

const startsWith = (bytes: Uint8Array, start: readonly number[]): boolean =>
  start.every((value, i) => bytes[i] === value)
const ascii = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length))

/**
 * A PNG's pixels; null when the file is none.
 * @throws {SpqrError} DATASET_INVALID for what is broken, too large, or has no plain 8-bit reading
 */
export function plainPng(name: string, bytes: Uint8Array): PlainPicture | null {
  if (!startsWith(bytes, PNG)) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 33) throw refuse(name, 'ends within its header', AGAIN)
  const [width, height] = [view.getUint32(16), view.getUint32(20)]
  if (width * height > MAX_PIXELS)
    throw refuse(name, `has ${width} × ${height} pixels, more than ${MAX_PIXELS / 1e6} million`, 'Make it smaller.')
  const [depth, colour, interlaced] = [bytes[24] ?? 0, bytes[25] ?? 0, bytes[28] ?? 0]
  if (depth === 16 && colour === 0)
    throw refuse(name, 'is grey with 16 bits, which Pillow does not scale to 8 but cuts at 255', AGAIN)
  if (depth < 8 && interlaced !== 0) throw refuse(name, `is interlaced with ${depth} bits`, AGAIN)
  let png: DecodedPng
  try {
    png = decode(bytes, { checkCrc: true })
  } catch {
    throw refuse(name, 'is a broken PNG', AGAIN)
  }
  return { width, height, rgb: png.palette ? ofPalette(name, png) : ofChannels(png) }
}

/** Values of less than 8 bits, most significant first, every row from a byte of its own. */
function unpacked({ data, width, height, depth }: DecodedPng): Uint8Array {
  if (depth >= 8) return Uint8Array.from(data, (value) => (depth === 16 ? value >> 8 : value))
  const stride = Math.ceil((width * depth) / 8)
  const values = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth
      values[y * width + x] = ((data[y * stride + (bit >> 3)] ?? 0) >> (8 - depth - (bit & 7))) & ((1 << depth) - 1)
    }
  }
  return values
}

/** 16 bits keep their high byte; transparency is dropped, not drawn on anything. */
function ofChannels(png: DecodedPng): Uint8Array<ArrayBuffer> {
  const { width, height, channels, depth } = png
  const values = unpacked(png)
  const scale = depth < 8 ? 255 / ((1 << depth) - 1) : 1
  const rgb = new Uint8Array(width * height * 3)
  for (let pixel = 0; pixel < width * height; pixel++)
    for (let c = 0; c < 3; c++) rgb[pixel * 3 + c] = (values[pixel * channels + (channels < 3 ? 0 : c)] ?? 0) * scale
  return rgb
}

function ofPalette(name: string, png: DecodedPng): Uint8Array<ArrayBuffer> {
  const rgb = new Uint8Array(png.width * png.height * 3)
  unpacked(png).forEach((index, pixel) => {
    const colour = png.palette?.[index]
    if (!colour) throw refuse(name, `uses colour ${index} of a palette that has ${png.palette?.length ?? 0}`, AGAIN)
    rgb.set(colour.slice(0, 3), pixel * 3)
  })
  return rgb
}

/**
 * A JPEG or WebP without what asks a viewer to turn or recolour it; other files as they are.
 * @throws {SpqrError} DATASET_INVALID for a JPEG in CMYK
 */
export function withoutWishes(name: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return plainJpeg(name, bytes)
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 4) === 'WEBP') return plainWebp(bytes)
  return Uint8Array.from(bytes)
}

/** Drops application segments but JFIF's (APP0) and Adobe's (APP14), which say how colours are stored. */
function plainJpeg(name: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const kept: Uint8Array[] = [bytes.subarray(0, 2)]
  let at = 2
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0
    if (marker === 0xff) {
      at++
      continue
    }
    const end = at + 2 + (((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (isFrame && bytes[at + 9] === 4)
      throw refuse(name, 'is a JPEG in CMYK, whose colours depend on the reader', AGAIN)
    // The scan follows its header without a length: all that is left belongs to it.
    if (marker === 0xda) break
    const isApplication = marker >= 0xe0 && marker <= 0xef
    if (!isApplication || marker === 0xe0 || marker === 0xee) kept.push(bytes.subarray(at, end))
    at = end
  }
  kept.push(bytes.subarray(at))
  return joined(kept)
}

/** Drops colour profile, EXIF and XMP, and what the header says of them. */
function plainWebp(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kept: Uint8Array[] = []
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true)
    const end = at + 8 + size + (size & 1)
    const kind = ascii(bytes, at, 4)
    const chunk = Uint8Array.from(bytes.subarray(at, end))
    // Bits of the extended header: 0x20 profile, 0x08 EXIF, 0x04 XMP.
    if (kind === 'VP8X') chunk[8] = (chunk[8] ?? 0) & ~0x2c
    if (!['ICCP', 'EXIF', 'XMP '].includes(kind)) kept.push(chunk)
    at = end
  }
  const body = joined(kept)
  const head = Uint8Array.from(bytes.subarray(0, 12))
  new DataView(head.buffer).setUint32(4, body.length + 4, true)
  return joined([head, body])
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
