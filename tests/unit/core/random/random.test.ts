import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  createRandom,
  gaussianNoise,
  MersenneTwister,
  philox4x32,
  torchGaussianNoise,
} from '../../../../src/core/random'

interface RandnCase {
  seed: number
  length: number
  head: number[]
  tail: number[]
  sum: number
  sumOfSquares: number
}
const golden = JSON.parse(
  readFileSync(new URL('../../../golden/random/torch-randn.json', import.meta.url), 'utf8'),
) as { tolerance: number; randn: RandnCase[] }

const largestGap = (actual: ArrayLike<number>, expected: number[]) =>
  expected.reduce(
    (gap, value, i) => Math.max(gap, Math.abs((actual[i] ?? NaN) - value)),
    actual.length === expected.length ? 0 : Infinity,
  )

describe('Philox4x32-10', () => {
  // Known-answer vectors of Random123 (kat_vectors, philox4x32 10).
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [Array<number>(4).fill(0xffffffff), [0xffffffff, 0xffffffff], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('matches the known answer for counter %j and key %j', (counter, key, expected) => {
    const output = new Uint32Array(4)
    const [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = counter
    philox4x32(output, c0, c1, c2, c3, key[0] ?? 0, key[1] ?? 0)
    expect([...output]).toEqual(expected)
  })
})

describe('gaussianNoise', () => {
  test('equals torch.randn of a CUDA generator (the values published for seed 0)', () => {
    const published = [
      -0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564, -0.62285122, -0.32838709, -1.07454231,
      -0.36314407, -1.67105067, 2.26550497,
    ]
    expect(largestGap(gaussianNoise(0, 12), published)).toBeLessThan(1e-6)
  })

  test('gives each value from seed and position alone', () => {
    const long = gaussianNoise(7, 300)
    expect(gaussianNoise(7, 100)).toEqual(long.slice(0, 100))
    expect(gaussianNoise(8, 100)).not.toEqual(long.slice(0, 100))
  })

  test('is standard normal', () => {
    const noise = gaussianNoise(123, 200_000)
    const moment = (power: number) => noise.reduce((sum, x) => sum + x ** power, 0) / noise.length
    expect(Math.abs(moment(1))).toBeLessThan(0.01)
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.02)
    expect(Math.abs(moment(3))).toBeLessThan(0.03)
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.1)
  })

  test.each([-1, 0.5, 2 ** 32, NaN])('refuses the seed %s', (seed) => {
    expect(() => gaussianNoise(seed, 4)).toThrow(/seed/)
  })
})

describe('torchGaussianNoise', () => {
  test.each(golden.randn)('equals torch.randn for seed $seed and length $length', (c) => {
    const noise = torchGaussianNoise(c.seed, c.length)
    expect(largestGap(noise.slice(0, 32), c.head)).toBeLessThanOrEqual(golden.tolerance)
    expect(largestGap(noise.slice(-32), c.tail)).toBeLessThanOrEqual(golden.tolerance)
    expect(Math.abs(noise.reduce((sum, x) => sum + x, 0) - c.sum)).toBeLessThan(golden.tolerance * c.length)
    expect(Math.abs(noise.reduce((sum, x) => sum + x * x, 0) - c.sumOfSquares)).toBeLessThan(
      4 * golden.tolerance * c.length,
    )
  })

  test('draws the reference stream of MT19937', () => {
    // First and ten-thousandth output for seed 5489 (C++ standard, [rand.predef]).
    const twister = new MersenneTwister(5489)
    const outputs = Array.from({ length: 10_000 }, () => twister.uint32())
    expect(outputs[0]).toBe(3499211612)
    expect(outputs[9999]).toBe(4123659995)
  })
})

describe('createRandom', () => {
  test('repeats itself for the same seed and differs for another', () => {
    const draw = (seed: number) => {
      const random = createRandom(seed)
      return [
        random.uint32(),
        random.uniform(),
        random.normal(),
        random.normal(),
        random.integer(10),
        random.shuffle([1, 2, 3, 4, 5]),
      ]
    }
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
  })

  test('draws whole numbers evenly', () => {
    const random = createRandom(3)
    const counts = new Array<number>(7).fill(0)
    for (let i = 0; i < 70_000; i += 1) {
      const value = random.integer(7)
      counts[value] = (counts[value] ?? 0) + 1
    }
    // χ² with 6 degrees of freedom: 22.5 is the 99.9 % point.
    expect(counts.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0)).toBeLessThan(22.5)
    expect(() => random.integer(0)).toThrow(/below 0/)
  })

  test('draws uniforms in [0, 1) and normals of unit variance', () => {
    const random = createRandom(9)
    const uniforms = Array.from({ length: 50_000 }, () => random.uniform())
    expect(Math.min(...uniforms)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...uniforms)).toBeLessThan(1)
    expect(Math.abs(uniforms.reduce((a, b) => a + b, 0) / 50_000 - 0.5)).toBeLessThan(0.01)
    const normals = Array.from({ length: 50_000 }, () => random.normal())
    expect(Math.abs(normals.reduce((a, b) => a + b * b, 0) / 50_000 - 1)).toBeLessThan(0.03)
  })

  test('reaches every permutation', () => {
    const random = createRandom(4)
    const seen = new Set(Array.from({ length: 500 }, () => random.shuffle([0, 1, 2, 3]).join('')))
    expect(seen.size).toBe(24)
  })
})
