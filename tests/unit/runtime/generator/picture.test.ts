import { describe, expect, test } from 'vitest'
import { brokenPicture, toRgb } from '../../../../src/runtime/generator/picture'

/** A 2×2 sample from its values per channel. */
const sample = (r: number[], g: number[], b: number[]) => Float32Array.from([...r, ...g, ...b])
const check = (values: Float32Array) => brokenPicture(values, toRgb(values, 2, 2))

describe('bytes of a picture', () => {
  test('channels become pixels; values are clamped and rounded as numpy does, halves to even', () => {
    const half = (k: number) => 2 * ((k + 0.5) / 255 - 0.5)
    const values = sample([-1, 1, -2, 2], [0, half(0), half(2), half(3)], [0.2, 0.4, -0.2, -0.4])
    const rgb = toRgb(values, 2, 2)
    expect([...rgb].filter((_, i) => i % 3 === 0)).toEqual([0, 255, 0, 255])
    // 127.5 → 128; the others lie on a half only in exact arithmetic, so either neighbour of k + 0.5 is right.
    expect(rgb[1]).toBe(128)
    for (const [pixel, k] of [
      [1, 0],
      [2, 2],
      [3, 3],
    ] as const)
      expect([k, k + 1]).toContain(rgb[3 * pixel + 1])
    expect([...rgb].filter((_, i) => i % 3 === 2)).toEqual([153, 178, 102, 76])
  })
})

describe('a broken picture', () => {
  test.each([
    ['NaN', sample([NaN, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]), /not finite/],
    ['infinite', sample([Infinity, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]), /not finite/],
    ['black', sample([-1, -1, -1, -0.99], [-1, -1, -1, -1], [-3, -1, -1, -1]), /black/],
    ['constant', sample([0.1, 0.1, 0.1, 0.101], [0.9, 0.9, 0.9, 0.9], [-0.5, -0.5, -0.5, -0.5]), /one constant colour/],
    ['white', sample([1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]), /one constant colour/],
  ])('%s is refused', (_, values, sentence) => {
    expect(check(values)).toMatchObject({ code: 'BAD_IMAGE', message: expect.stringMatching(sentence) as unknown })
  })

  test.each([
    ['faint', sample([0, 0, 0, 0.1], [0, 0, 0, 0], [0, 0, 0, 0])],
    ['dark', sample([-1, -1, -1, -0.9], [-1, -1, -1, -1], [-1, -1, -1, -1])],
  ])('%s is one', (_, values) => expect(check(values)).toBeNull())
})
