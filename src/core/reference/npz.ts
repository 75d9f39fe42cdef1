/** NumPy's files as FID tools write them: `.npz`, a zip of `.npy` arrays (numpy.lib.format, versions 1–3). */
import { SpqrError, shortened } from '../contracts'
import { readNpyHeader } from './npyHeader'
import { readZip } from './zip'

export interface NumpyArray {
  shape: readonly number[]
  data: Float64Array
}

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
  const files = readZip(bytes)
  if (typeof files === 'string') throw bad(name, files)
  for (const [path, content] of files) {
    const key = path.replace(/\.npy$/, '')
    try {
      arrays.set(key, readNpy(content, `${name}: ${shortened(path)}`))
    } catch (thrown) {
      if (wanted.includes(key)) throw thrown
      problem ??= thrown instanceof SpqrError ? thrown : bad(name, 'an array in it is damaged')
    }
  }
  if (arrays.size === 0 && problem) throw problem
  return arrays
}

/** One array of float16, float32 or float64, little-endian, in row or column order. @throws SpqrError BAD_INPUT */
export function readNpy(bytes: Uint8Array, name: string): NumpyArray {
  const header = readNpyHeader(bytes)
  if (typeof header === 'string') throw bad(name, header)
  const { dtype, fortran, shape, begin } = header
  const size = SIZES.get(dtype)
  if (size === undefined) throw bad(name, `its values are "${shortened(dtype)}", not float16, float32 or float64`)
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
