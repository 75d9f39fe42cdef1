/** Reference statistics of real pictures for FID, from a file of the user's: features, or mean and covariance. */
import { readSafetensors } from '../adapters'
import { SpqrError } from '../contracts'
import { featuresOfMoments } from './moments'
import { readNpz, type NumpyArray } from './npz'

export interface ReferenceStatistics {
  /** Row-major [rows, dimension]. */
  features: Float32Array
  /** Pictures behind it; 0 where the file does not say (mean and covariance). */
  n: number
  /** True when only mean and covariance are known: FID is exact, KID cannot be computed. */
  moments: boolean
}

type Arrays = ReadonlyMap<string, NumpyArray>

/**
 * Reads `.npz` (pytorch-fid, clean-fid: `mu`, `sigma`; or `features`, or a single array) or safetensors of the same names.
 * @param dimension features of the quality judge
 * @throws SpqrError BAD_INPUT naming the file, what is wrong and what is wanted
 */
export function readReferenceStatistics(bytes: Uint8Array, name: string, dimension: number): ReferenceStatistics {
  const arrays =
    bytes[0] === 0x50 && bytes[1] === 0x4b
      ? readNpz(bytes, name, ['mu', 'sigma', 'features'])
      : safetensorsArrays(bytes, name)
  const features = arrays.get('features') ?? (arrays.size === 1 ? [...arrays.values()][0] : undefined)
  const [mu, sigma] = [arrays.get('mu'), arrays.get('sigma')]
  if (mu && sigma) return fromMoments(mu, sigma, name, dimension)
  if (!features) {
    throw refuse(
      name,
      `holds ${[...arrays.keys()].slice(0, 6).join(', ') || 'nothing'}; wanted are "features" or "mu" and "sigma"`,
    )
  }
  return fromFeatures(features, name, dimension)
}

const refuse = (name: string, why: string) =>
  new SpqrError(
    'BAD_INPUT',
    `The reference statistics "${name}" cannot be used: the file ${why}.`,
    "Compute them with the quality judge's own network, or choose a folder of real pictures.",
  )

function safetensorsArrays(bytes: Uint8Array, name: string): Arrays {
  try {
    return new Map(
      [...readSafetensors(bytes).tensors].map(([key, tensor]) => [
        key,
        { shape: tensor.shape, data: Float64Array.from(tensor.floats()) },
      ]),
    )
  } catch {
    throw refuse(name, 'is neither npz nor safetensors')
  }
}

function assertFinite({ data }: NumpyArray, name: string): void {
  if (data.every(Number.isFinite)) return
  // A covariance saved in half precision overflows there, and the file looks right.
  throw refuse(name, 'holds a value that is not a finite number; half precision ends at 65,504, so save it as float32')
}

/** Largest size of a feature whose squares, summed over a reference, are still finite. */
const LARGEST = 1e15

/** As float32. A finite value that is none there, or whose distances are none, is refused. */
function singleOf(values: ArrayLike<number>, name: string): Float32Array {
  const single = Float32Array.from(values)
  if (!single.every((value) => Math.abs(value) <= LARGEST))
    throw refuse(name, 'holds values so large that no distance can be computed from them')
  return single
}

function fromFeatures(features: NumpyArray, name: string, dimension: number): ReferenceStatistics {
  const [rows = 0, columns = 0] = features.shape
  if (features.shape.length !== 2)
    throw refuse(name, `holds an array of ${features.shape.length} dimensions instead of one row per picture`)
  if (columns !== dimension) throw wrongDimension(name, columns, dimension)
  if (rows < 2) throw refuse(name, `holds ${rows === 1 ? 'one picture' : 'no pictures'}; FID needs at least two`)
  assertFinite(features, name)
  return { features: singleOf(features.data, name), n: rows, moments: false }
}

function fromMoments(mu: NumpyArray, sigma: NumpyArray, name: string, dimension: number): ReferenceStatistics {
  const d = mu.data.length
  if (d !== dimension) throw wrongDimension(name, d, dimension)
  if (sigma.shape.length !== 2 || sigma.shape[0] !== d || sigma.shape[1] !== d)
    throw refuse(name, `has a covariance of ${sigma.shape.join(' × ')} for a mean of ${d}`)
  assertFinite(mu, name)
  assertFinite(sigma, name)
  const rows = featuresOfMoments(mu.data, sigma.data, d)
  return { features: singleOf(rows, name), n: 0, moments: true }
}

const wrongDimension = (name: string, has: number, wanted: number) =>
  refuse(
    name,
    `is of ${has} features a picture, and the quality judge gives ${wanted}: it was made with another network`,
  )
