/** NumPy's files as FID tools write them: `.npz`, a zip of `.npy` arrays (numpy.lib.format, versions 1–3). */
import { unzipSync } from 'fflate'
import { SpqrError } from '../contracts'
import { readNpyHeader } from './npyHeader'

export interface NumpyArray {
  shape: readonly number[]
  data: Float64Array
}

/** Most bytes that a file unpacks to: a covariance of 4,096 features in float64, and as much again. */
const MAX_BYTES = 2 ** 28
/** A file of FID statistics holds two or three. */
const MAX_ARRAYS = 64
/** Deflate grows at most 1,032-fold. */
const MAX_RATIO = 1032

const bad = (name: string, why: string) =>
  new SpqrError(
    'BAD_INPUT',
    `"${name}" cannot be read as NumPy's npz: ${why}.`,
    'Save it with numpy.savez: mu and sigma, or features.',
  )

/**
 * The arrays of numbers of an npz by name, without `.npy`; arrays of other types beside them are passed over, unless they
 * carry one of the `wanted` names.
 * @throws SpqrError BAD_INPUT
 */
export function readNpz(bytes: Uint8Array, name: string, wanted: readonly string[] = []): Map<string, NumpyArray> {
  const arrays = new Map<string, NumpyArray>()
  let problem: SpqrError | null = null
  for (const [path, content] of unzipBounded(bytes, name)) {
    const key = path.replace(/\.npy$/, '')
    try {
      arrays.set(key, readNpy(content, `${name}: ${path.slice(0, 80)}`))
    } catch (thrown) {
      if (wanted.includes(key)) throw thrown
      problem ??= thrown instanceof SpqrError ? thrown : bad(name, 'an array in it is damaged')
    }
  }
  if (arrays.size === 0 && problem) throw problem
  return arrays
}

/** Files of a zip. Sizes are checked as the zip states them, and no file is inflated beyond what it states. */
function unzipBounded(bytes: Uint8Array, name: string): [string, Uint8Array][] {
  let [files, left] = [0, MAX_BYTES]
  try {
    return Object.entries(
      unzipSync(bytes, {
        filter: ({ originalSize, size }) => {
          files += 1
          left -= originalSize
          if (files > MAX_ARRAYS) throw bad(name, `it holds more than ${MAX_ARRAYS} arrays`)
          if (left < 0) throw bad(name, `it unpacks to more than ${MAX_BYTES / 2 ** 20} MiB`)
          if (originalSize > MAX_RATIO * size + 1024) throw bad(name, 'its sizes are not true')
          return true
        },
      }),
    )
  } catch (thrown) {
    if (thrown instanceof SpqrError) throw thrown
    throw bad(name, 'it is no zip file, or is cut off')
  }
}

/** One array of float16, float32 or float64, little-endian, in row or column order. @throws SpqrError BAD_INPUT */
export function readNpy(bytes: Uint8Array, name: string): NumpyArray {
  const header = readNpyHeader(bytes)
  if (typeof header === 'string') throw bad(name, header)
  const { dtype, fortran, shape, begin } = header
  const size = SIZES.get(dtype)
  if (size === undefined) throw bad(name, `its values are "${dtype}", not float16, float32 or float64`)
  const count = shape.reduce((a, b) => a * b, 1)
  if (bytes.length - begin !== count * size)
    throw bad(name, `it holds ${bytes.length - begin} bytes for ${count} values`)
  // A copy, since an array's beginning need not lie on a multiple of its element size.
  const values = bytes.slice(begin).buffer
  const data = numbersOf(values, size)
  return { shape, data: fortran && shape.length > 1 ? rowOrder(data, shape) : data }
}

const SIZES = new Map([
  ['<f2', 2],
  ['<f4', 4],
  ['<f8', 8],
])

function numbersOf(values: ArrayBuffer, size: number): Float64Array {
  if (size === 8) return new Float64Array(values)
  if (size === 4) return Float64Array.from(new Float32Array(values))
  return Float64Array.from(new Uint16Array(values), halfToNumber)
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Column order (Fortran, first index fastest) → row order. */
function rowOrder(data: Float64Array, shape: readonly number[]): Float64Array {
  const ordered = new Float64Array(data.length)
  const index = shape.map(() => 0)
  for (let to = 0; to < data.length; to++) {
    let from = 0
    for (let axis = shape.length - 1; axis >= 0; axis--) from = from * shape[axis]! + index[axis]!
    ordered[to] = data[from]!
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0
  }
  return ordered
}
