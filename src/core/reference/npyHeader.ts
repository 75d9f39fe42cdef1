/** The head of a `.npy` array (numpy.lib.format): a Python dictionary of three keys, read letter by letter in linear time. */

export interface NpyHeader {
  dtype: string
  fortran: boolean
  shape: number[]
  /** First byte of the values. */
  begin: number
}

const MAGIC = '\x93NUMPY'
/** NumPy writes 128 bytes or so; it pads to a multiple of 64. */
const MAX_HEADER = 4096
const MAX_DIMENSIONS = 8
/** Elements beyond this are beyond the largest file as well. */
const MAX_COUNT = 2 ** 28

/** The header, or what is wrong as the end of a sentence. */
export function readNpyHeader(bytes: Uint8Array): NpyHeader | string {
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(0, 6)) !== MAGIC)
    return 'it does not begin as an array'
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [length, start] = bytes[6] === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12]
  if (length > MAX_HEADER || start + length > bytes.length) return 'its header is damaged'
  const text = String.fromCharCode(...bytes.subarray(start, start + length))
  const dtype = valueOf(text, 'descr')
  const order = valueOf(text, 'fortran_order')
  const dims = valueOf(text, 'shape')
  if (dtype === null || dims === null || (order !== 'True' && order !== 'False')) return 'its header is damaged'
  const shape = dims.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]))
  if (shape.length > MAX_DIMENSIONS || !shape.every((part) => /^\d{1,9}$/.test(part))) return 'its shape is damaged'
  const sizes = shape.map(Number)
  if (sizes.reduce((a, b) => a * b, 1) > MAX_COUNT) return 'its shape is too large'
  return { dtype, fortran: order === 'True', shape: sizes, begin: start + length }
}

/** The text of a key's value, without its quotation marks or brackets; null where the key is missing or there twice. */
function valueOf(text: string, key: string): string | null {
  const quoted = `'${key}'`
  const at = text.indexOf(quoted)
  if (at < 0 || text.indexOf(quoted, at + 1) >= 0) return null
  const rest = text.slice(at + quoted.length).trimStart()
  if (!rest.startsWith(':')) return null
  const value = rest.slice(1).trimStart()
  const closing = value.startsWith("'") ? "'" : value.startsWith('(') ? ')' : null
  if (closing === null) {
    const end = value.search(/[,}\s]/)
    return end < 0 ? null : value.slice(0, end)
  }
  const end = value.indexOf(closing, 1)
  return end < 0 ? null : value.slice(1, end)
}
