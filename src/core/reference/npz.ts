/** NumPy's files as FID tools write them: `.npz`, a zip of `.npy` arrays (numpy.lib.format, versions 1–3). */
import { unzipSync } from 'fflate'
import { SpqrError } from '../contracts'

export interface NumpyArray {
  shape: readonly number[]
  data: Float64Array
}

/** Largest array read: a covariance of 4,096 features in float64. */
const MAX_BYTES = 2 ** 28
const MAGIC = '\x93NUMPY'

const bad = (name: string, why: string) =>
  new SpqrError(
    'BAD_INPUT',
    `"${name}" cannot be read as NumPy's npz: ${why}.`,
    'Save it with numpy.savez: mu and sigma, or features.',
  )

/** The arrays of an npz by name, without `.npy`. Throws BAD_INPUT. */
export function readNpz(bytes: Uint8Array, name: string): Map<string, NumpyArray> {
  let files: Record<string, Uint8Array>
  try {
    files = unzipSync(bytes, {
      filter: ({ originalSize }) => {
        if (originalSize > MAX_BYTES) throw bad(name, `it holds an array of ${Math.round(originalSize / 2 ** 20)} MiB`)
        return true
      },
    })
  } catch (thrown) {
    if (thrown instanceof SpqrError) throw thrown
    throw bad(name, 'it is no zip file, or is cut off')
  }
  return new Map(
    Object.entries(files).map(([path, content]) => [path.replace(/\.npy$/, ''), readNpy(content, `${name}: ${path}`)]),
  )
}

const HEADER = /'descr':\s*'([^']*)'.*'fortran_order':\s*(True|False).*'shape':\s*\(([\d,\s]*)\)/

/** One array of float32 or float64, little-endian, in row order. */
export function readNpy(bytes: Uint8Array, name: string): NumpyArray {
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(0, 6)) !== MAGIC)
    throw bad(name, 'it does not begin as an array')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [length, start] = bytes[6] === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12]
  const header = HEADER.exec(new TextDecoder().decode(bytes.subarray(start, start + length)))
  if (!header) throw bad(name, 'its header is damaged')
  const [, dtype = '', fortran, dims = ''] = header
  if (dtype !== '<f4' && dtype !== '<f8') throw bad(name, `its values are "${dtype}", not float32 or float64`)
  if (fortran === 'True') throw bad(name, 'it is stored column by column')
  const shape = dims
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(Number)
  const count = shape.reduce((a, b) => a * b, 1)
  const size = dtype === '<f4' ? 4 : 8
  const begin = start + length
  if (bytes.length - begin !== count * size)
    throw bad(name, `it holds ${bytes.length - begin} bytes for ${count} values`)
  // A copy, since an array's beginning need not lie on a multiple of its element size.
  const values = bytes.slice(begin).buffer
  return { shape, data: dtype === '<f4' ? Float64Array.from(new Float32Array(values)) : new Float64Array(values) }
}
