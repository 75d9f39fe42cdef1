import { SpqrError } from '../contracts'
import { MersenneTwister } from '../random'
import { checkFeatures } from './inputs'
import { timesTransposed } from './linear'

export interface KernelOptions {
  /** Number of random subsets; torch-fidelity's default. */
  subsets?: number
  /** Images per subset; reduced to the smaller set where that has fewer. */
  subsetSize?: number
  /** Seed of the subset draw; torch-fidelity's default 2020. */
  seed?: number
  /** Kernel values held at once, 8 bytes each; above it they are computed for each subset anew. Default 2²⁴. */
  largestTable?: number
}

/**
 * Kernel Inception distance: mean and population standard deviation over random subsets of the unbiased squared
 * MMD with kernel (x·y/d + 1)³ (Bińkowski et al., ICLR 2018). Subsets are drawn as torch-fidelity draws them
 * (numpy.random.RandomState(seed).choice without replacement), so the value equals its value.
 * @param features row-major [n, d]
 * @param reference row-major [m, d]
 */
export function kernelDistance(
  features: Float32Array,
  n: number,
  reference: Float32Array,
  m: number,
  d: number,
  options: KernelOptions = {},
): { mean: number; std: number } {
  checkFeatures(features, n, d, 'features')
  checkFeatures(reference, m, d, 'reference features')
  const { subsets = 100, seed = 2020, largestTable = 2 ** 24 } = options
  const size = Math.min(options.subsetSize ?? 1000, n, m)
  if (!(Number.isInteger(subsets) && subsets >= 1) || !(Number.isInteger(size) && size >= 2)) {
    throw new SpqrError(
      'BAD_INPUT',
      `The kernel distance was asked for ${subsets} subsets of ${size} images.`,
      'Ask for at least one subset of two images.',
    )
  }
  const a = Float64Array.from(features)
  const b = Float64Array.from(reference)
  const table = n * n + m * m + n * m <= largestTable ? kernelTables(a, n, b, m, d) : null
  const twister = new MersenneTwister(seed)
  const values: number[] = []
  for (let i = 0; i < subsets; i += 1) {
    const rows = permutation(twister, n).subarray(0, size)
    const columns = permutation(twister, m).subarray(0, size)
    if (table) values.push(subsetDistance(table, rows, columns, n, m))
    else {
      const own = kernelTables(gather(a, rows, d), size, gather(b, columns, d), size, d)
      values.push(subsetDistance(own, range(size), range(size), size, size))
    }
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / subsets
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / subsets
  return { mean, std: Math.sqrt(variance) }
}

/** (x·y/d + 1)³ of a product x·y. */
export function cubicKernel(product: number, d: number): number {
  const value = product / d + 1
  return value * value * value
}

interface Tables {
  aa: Float64Array
  bb: Float64Array
  ab: Float64Array
}

function kernelTables(a: Float64Array, n: number, b: Float64Array, m: number, d: number): Tables {
  const cubic = (products: Float64Array) => products.map((product) => cubicKernel(product, d))
  return {
    aa: cubic(timesTransposed(a, n, a, n, d)),
    bb: cubic(timesTransposed(b, m, b, m, d)),
    ab: cubic(timesTransposed(a, n, b, m, d)),
  }
}

function subsetDistance(tables: Tables, rows: Uint32Array, columns: Uint32Array, n: number, m: number): number {
  const size = rows.length
  const within = offDiagonalSum(tables.aa, rows, n) + offDiagonalSum(tables.bb, columns, m)
  let between = 0
  for (const i of rows) for (const j of columns) between += tables.ab[i * m + j] ?? 0
  return within / (size * (size - 1)) - (2 * between) / (size * size)
}

function offDiagonalSum(table: Float64Array, chosen: Uint32Array, width: number): number {
  let sum = 0
  for (const i of chosen) for (const j of chosen) if (i !== j) sum += table[i * width + j] ?? 0
  return sum
}

const range = (length: number) => Uint32Array.from({ length }, (_, i) => i)

function gather(values: Float64Array, rows: Uint32Array, d: number): Float64Array {
  const result = new Float64Array(rows.length * d)
  rows.forEach((row, i) => result.set(values.subarray(row * d, (row + 1) * d), i * d))
  return result
}

/** numpy.random.RandomState.permutation(length): Fisher–Yates from the end, bounded draws by masked rejection. */
function permutation(twister: MersenneTwister, length: number): Uint32Array {
  const order = range(length)
  for (let i = length - 1; i > 0; i -= 1) {
    const mask = 2 ** (32 - Math.clz32(i)) - 1
    let j = (twister.uint32() & mask) >>> 0
    while (j > i) j = (twister.uint32() & mask) >>> 0
    const moved = order[i] ?? 0
    order[i] = order[j] ?? 0
    order[j] = moved
  }
  return order
}
