/** Element types of safetensors files and their conversion to float32 (IEEE 754, little-endian). */

const ELEMENT_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const
export type Dtype = keyof typeof ELEMENT_BYTES
export const DTYPES = Object.keys(ELEMENT_BYTES) as Dtype[]

/** Bytes of one element. */
export const elementBytes = (dtype: Dtype): number => ELEMENT_BYTES[dtype]
export const isDtype = (value: unknown): value is Dtype =>
  typeof value === 'string' && Object.hasOwn(ELEMENT_BYTES, value)

/** One half-precision number out of its 16 bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

let halfTable: Float32Array | undefined
/** All 65,536 half-precision values: reading a weight file becomes one lookup per element. */
function halves(): Float32Array {
  halfTable ??= Float32Array.from({ length: 65536 }, (_, bits) => halfToNumber(bits))
  return halfTable
}

const scratch = new DataView(new ArrayBuffer(4))
/** Nearest half-precision bits of a float32, ties to even, overflow to infinity. */
export function halfBits(value: number): number {
  scratch.setFloat32(0, value)
  const bits = scratch.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Subnormal halves are multiples of 2^-24; the product is exact, so only the rounding matters.
    const scaled = Math.abs(value) * 2 ** 24
    const floor = Math.floor(scaled)
    const rest = scaled - floor
    return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor)
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x38000000) >>> 13)
}

/** A copy whose bytes start at a multiple of 8, so that typed arrays may view it (Node's Buffer.slice would not copy). */
const aligned = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer

/** Elements as float32 in a new array; 64-bit integers and doubles are rounded. */
export function toFloats(dtype: Dtype, bytes: Uint8Array): Float32Array {
  const buffer = aligned(bytes)
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer)
    case 'F64':
      return Float32Array.from(new Float64Array(buffer))
    case 'F16': {
      const source = new Uint16Array(buffer)
      const table = halves()
      const floats = new Float32Array(source.length)
      for (let i = 0; i < floats.length; i++) floats[i] = table[source[i]!]!
      return floats
    }
    case 'BF16': {
      const source = new Uint16Array(buffer)
      const words = new Uint32Array(source.length)
      for (let i = 0; i < words.length; i++) words[i] = source[i]! << 16
      return new Float32Array(words.buffer)
    }
    case 'I64':
      return Float32Array.from(new BigInt64Array(buffer), Number)
    case 'U64':
      return Float32Array.from(new BigUint64Array(buffer), Number)
    case 'I32':
      return Float32Array.from(new Int32Array(buffer))
    case 'U32':
      return Float32Array.from(new Uint32Array(buffer))
    case 'I16':
      return Float32Array.from(new Int16Array(buffer))
    case 'U16':
      return Float32Array.from(new Uint16Array(buffer))
    case 'I8':
      return Float32Array.from(new Int8Array(buffer))
    case 'U8':
    case 'BOOL':
      return Float32Array.from(new Uint8Array(buffer))
  }
}

/** Bytes of float32 values stored as `F32` or, rounded to nearest even, as `F16`. */
export function fromFloats(dtype: 'F32' | 'F16', floats: Float32Array): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(floats.slice().buffer)
  return new Uint8Array(Uint16Array.from(floats, halfBits).buffer)
}
