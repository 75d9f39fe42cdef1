import { zipSync } from 'fflate'
import { describe, expect, test } from 'vitest'
import { writeSafetensors } from '../../../../src/core/adapters'
import { frechetDistance } from '../../../../src/core/metrics'
import { createRandom } from '../../../../src/core/random'
import { readReferenceStatistics } from '../../../../src/core/reference'

/** One array as numpy.save writes it. */
function npy(
  shape: readonly number[],
  values: ArrayLike<number>,
  dtype: '<f4' | '<f8' | '<i8' = '<f8',
  fortran = 'False',
): Uint8Array {
  const header = `{'descr': '${dtype}', 'fortran_order': ${fortran}, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`
  const padded = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n'
  const data = dtype === '<f4' ? Float32Array.from(values) : Float64Array.from(values)
  const bytes = new Uint8Array(10 + padded.length + data.byteLength)
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8])
  bytes.set(new TextEncoder().encode(padded), 10)
  bytes.set(new Uint8Array(data.buffer), 10 + padded.length)
  return bytes
}

/** A header of thousands of equal keys, on which a pattern would run away. */
function doubled(): Uint8Array {
  const bytes = new Uint8Array(4000).fill(32)
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 3990 & 255, 3990 >> 8])
  bytes.set(new TextEncoder().encode("{'descr': '<f8', " + "'descr': '', ".repeat(250)), 10)
  return bytes
}

const npz = (arrays: Record<string, Uint8Array>) =>
  zipSync(Object.fromEntries(Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes])))

function features(seed: number, rows: number, d: number, shift: number): Float32Array {
  const random = createRandom(seed)
  return Float32Array.from({ length: rows * d }, (_, i) => random.normal() * (1 + (i % d) * 0.3) + shift)
}

/** Mean and covariance (ddof 1) as numpy computes them. */
function moments(values: Float32Array, n: number, d: number): { mu: Float64Array; sigma: Float64Array } {
  const mu = Float64Array.from(
    { length: d },
    (_, j) => values.filter((_v, k) => k % d === j).reduce((a, b) => a + b, 0) / n,
  )
  const sigma = new Float64Array(d * d)
  for (let i = 0; i < n; i++)
    for (let a = 0; a < d; a++)
      for (let b = 0; b < d; b++)
        sigma[a * d + b]! += ((values[i * d + a]! - mu[a]!) * (values[i * d + b]! - mu[b]!)) / (n - 1)
  return { mu, sigma }
}

describe('reference statistics', () => {
  test('a byte that was changed in the archive is found by its check sum', () => {
    const archive = zipSync({ 'features.npy': npy([2, 3], [1, 4, 2, 5, 3, 6]) }, { level: 0 })
    const at = archive.findIndex((byte, i) => byte === 0x3f && archive[i - 1] === 0xf0)
    archive[at - 1]! ^= 1
    expect(() => readReferenceStatistics(archive, 'f.npz', 3)).toThrow('"features.npy" in it is damaged')
  })
  test('a covariance whose halves differ is refused', () => {
    const archive = npz({ mu: npy([2], [0, 0]), sigma: npy([2, 2], [1, 0.5, 0.2, 1]) })
    expect(() => readReferenceStatistics(archive, 'f.npz', 2)).toThrow('not symmetric (row 2, column 1)')
  })
  test('column order, float16 and arrays of other kinds beside the wanted ones are read', () => {
    const columns = npy([2, 3], [1, 4, 2, 5, 3, 6], '<f8', 'True')
    const labels = npy([1], [0], '<i8')
    expect([...readReferenceStatistics(npz({ features: columns, labels }), 'f.npz', 3).features]).toEqual([
      1, 2, 3, 4, 5, 6,
    ])
    const half = npy([2, 2], [0, 0, 0, 0])
    const head = half.subarray(0, half.length - 32)
    const bytes = Uint8Array.from([...head, 0, 60, 0, 192, 1, 0, 255, 123])
    bytes[head.lastIndexOf(0x38)] = 0x32
    expect([...readReferenceStatistics(npz({ features: bytes }), 'h.npz', 2).features]).toEqual([
      1,
      -2,
      2 ** -24,
      65504,
    ])
  })

  test.each([
    [60, 12],
    [7, 12],
    [200, 3],
  ])('mean and covariance of %i pictures give the FID of their features', (n, d) => {
    const [real, made] = [features(1, n, d, 0), features(2, 30, d, 0.5)]
    const { mu, sigma } = moments(real, n, d)
    const read = readReferenceStatistics(npz({ mu: npy([d], mu), sigma: npy([d, d], sigma) }), 'coco.npz', d)
    expect(read).toMatchObject({ n: 0, moments: true })
    const wanted = frechetDistance(made, 30, real, n, d)
    const got = frechetDistance(made, 30, read.features, read.features.length / d, d)
    expect(Math.abs(got - wanted) / wanted).toBeLessThan(1e-5)
  })

  test('features are read from npz and safetensors alike', () => {
    const values = features(3, 5, 4, 0)
    const wanted = { features: values, n: 5, moments: false }
    expect(readReferenceStatistics(npz({ features: npy([5, 4], values, '<f4') }), 'a.npz', 4)).toEqual(wanted)
    expect(readReferenceStatistics(npz({ arr_0: npy([5, 4], values, '<f4') }), 'a.npz', 4)).toEqual(wanted)
    expect(
      readReferenceStatistics(
        writeSafetensors(new Map([['features', { dtype: 'F32', shape: [5, 4], data: values }]])),
        'a.safetensors',
        4,
      ),
    ).toEqual(wanted)
  })

  const square = new Float64Array(16)
  test.each([
    [
      'of another network',
      npz({ features: npy([5, 3], new Array<number>(15).fill(0)) }),
      /of 3 features a picture, and the quality judge gives 4: it was made with another network/,
    ],
    [
      'a mean of another network',
      npz({ mu: npy([3], [0, 0, 0]), sigma: npy([3, 3], new Array<number>(9).fill(0)) }),
      /of 3 features a picture, and the quality judge gives 4/,
    ],
    [
      'a covariance of another size',
      npz({ mu: npy([4], [0, 0, 0, 0]), sigma: npy([3, 3], new Array<number>(9).fill(0)) }),
      /covariance of 3 × 3 for a mean of 4/,
    ],
    ['NaN', npz({ features: npy([2, 4], [0, 0, 0, NaN, 0, 0, 0, 0]) }), /not a finite number/],
    [
      'a negative variance',
      npz({
        mu: npy([4], [0, 0, 0, 0]),
        sigma: npy(
          [4, 4],
          square.map((_v, i) => (i === 0 ? -1 : i % 5 === 0 ? 1 : 0)),
        ),
      }),
      /not positive semi-definite/,
    ],
    [
      'no wanted array',
      npz({ a: npy([1], [0]), b: npy([1], [0]) }),
      /holds a, b; wanted are "features" or "mu" and "sigma"/,
    ],
    ['one picture', npz({ features: npy([1, 4], [0, 0, 0, 0]) }), /holds one picture/],
    ['whole numbers', npz({ features: npy([1, 4], [0, 0, 0, 0], '<i8') }), /"<i8", not float16, float32 or float64/],
    ['numbers too large to square', npz({ features: npy([2, 4], new Array<number>(8).fill(1e300)) }), /so large/],
    ['a type named twice', npz({ features: doubled() }), /header is damaged/],
    ['an untrue size', npz({ features: npy([2 ** 14, 2 ** 14], []) }), /holds 0 bytes/],
    [
      'a file that is cut off',
      npz({ features: npy([5, 4], features(3, 5, 4, 0)) }).subarray(0, 150),
      /no zip file, or is cut off/,
    ],
    [
      'an array that is cut off',
      npz({ features: npy([5, 4], features(3, 5, 4, 0)).subarray(0, 150) }),
      /holds 22 bytes for 20 values/,
    ],
    ['a text file', new TextEncoder().encode('mu,sigma\n1,2\n'), /neither npz nor safetensors/],
    ['an empty file', new Uint8Array(0), /neither npz nor safetensors/],
  ])('%s is refused in one sentence', (_, bytes, message) => {
    expect(() => readReferenceStatistics(bytes, 'coco', 4)).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringMatching(message) as unknown }),
    )
  })
})
