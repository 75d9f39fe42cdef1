import { describe, expect, test } from 'vitest'
import { frechetDistance, kernelDistance } from '../../../../src/core/metrics'
import { features, golden } from './helpers'

interface Kid {
  kernel_inception_distance_mean: number
  kernel_inception_distance_std: number
}
interface Case {
  name: string
  n: number
  m: number
  d: number
  subsetSize: number
  torchFidelity: number
  cleanFid?: number
  kidFloat32: Kid
  kidFloat64: Kid
  cleanFidKid: number
  head: number[]
}
const { cases } = golden('distances.json') as { cases: Case[] }

describe.each(cases)('$name ($n × $d against $m × $d)', (c) => {
  const a = features(1, c.n, c.d, 0)
  const b = features(2, c.m, c.d, 0.03)

  test('starts from the same features as the reference packages', () => {
    expect([...a.slice(0, 4)]).toEqual(c.head)
  })

  test('equals FID of torch-fidelity and clean-fid', () => {
    const fid = frechetDistance(a, c.n, b, c.m, c.d)
    expect(Math.abs(fid / c.torchFidelity - 1)).toBeLessThan(1e-6)
    if (c.cleanFid !== undefined) expect(Math.abs(fid / c.cleanFid - 1)).toBeLessThan(1e-6)
  })

  test('equals KID of torch-fidelity, subset by subset', () => {
    const kid = kernelDistance(a, c.n, b, c.m, c.d, { subsetSize: c.subsetSize })
    expect(Math.abs(kid.mean - c.kidFloat64.kernel_inception_distance_mean)).toBeLessThan(1e-9)
    expect(Math.abs(kid.std - c.kidFloat64.kernel_inception_distance_std)).toBeLessThan(1e-9)
    // In float32 torch-fidelity itself is uncertain by rounding of sums near size².
    const tolerance = c.d > 4 ? 1e-6 : 1e-5
    expect(Math.abs(kid.mean - c.kidFloat32.kernel_inception_distance_mean)).toBeLessThan(tolerance)
  })

  test('equals KID of clean-fid on the same subsets', () => {
    expect(
      Math.abs(kernelDistance(a, c.n, b, c.m, c.d, { subsetSize: c.subsetSize }).mean - c.cleanFidKid),
    ).toBeLessThan(1e-9)
  })
})

describe('distances', () => {
  test('is zero between a set and itself, and symmetric', () => {
    const a = features(3, 30, 40, 0)
    const b = features(4, 25, 40, 0.1)
    expect(Math.abs(frechetDistance(a, 30, a, 30, 40))).toBeLessThan(1e-9)
    expect(frechetDistance(a, 30, b, 25, 40)).toBeCloseTo(frechetDistance(b, 25, a, 30, 40), 10)
  })

  test('counts a pure shift of the mean exactly', () => {
    const a = features(5, 50, 10, 0)
    const shifted = a.map((x) => x + 0.5)
    expect(frechetDistance(a, 50, shifted, 50, 10)).toBeCloseTo(10 * 0.25, 5)
  })

  test('computes KID to the same value where the table of all pairs would be too large', () => {
    const a = features(6, 60, 5, 0)
    const b = features(7, 70, 5, 0.1)
    const options = { subsets: 5, subsetSize: 40 }
    const direct = kernelDistance(a, 60, b, 70, 5, { ...options, largestTable: 0 })
    const table = kernelDistance(a, 60, b, 70, 5, options)
    expect(direct.mean).toBeCloseTo(table.mean, 12)
    expect(direct.std).toBeCloseTo(table.std, 12)
  })

  test('refuses too few images, wrong sizes and broken numbers', () => {
    const a = features(1, 4, 3, 0)
    expect(() => frechetDistance(a.slice(0, 3), 1, a, 4, 3)).toThrow('1 rows; at least 2')
    expect(() => frechetDistance(a, 4, a, 4, 4)).toThrow('hold 12 values where 4 rows of 4')
    const broken = a.slice()
    broken[7] = NaN
    expect(() => frechetDistance(a, 4, broken, 4, 3)).toThrow(
      'reference features contain a value that is no number in row 2',
    )
    expect(() => kernelDistance(a, 4, a, 4, 3, { subsets: 0 })).toThrow('0 subsets')
  })
})
