import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createRandom, exactLog, gaussianNoise, sinCosOfTurns, torchGaussianNoise } from '../../../../src/core/random'

const sha256 = (values: Float32Array) =>
  createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex').slice(0, 16)

describe('the same bits on every machine', () => {
  // Noise uses +, −, ×, ÷ and √ alone, which IEEE 754 fixes to the last bit; a change here changes every picture.
  test('keeps the noise of a seed for good', () => {
    expect(sha256(gaussianNoise(42, 16384))).toBe('df3f09b8a057edde')
    expect(sha256(torchGaussianNoise(42, 16384))).toBe('11d2e22436cf919d')
    const random = createRandom(42)
    expect(sha256(Float32Array.from({ length: 1000 }, () => random.normal()))).toBe('90257be3933a5c70')
  })

  test('takes logarithms to the precision of a double', () => {
    const random = createRandom(1)
    for (let i = 0; i < 2000; i += 1) {
      const x = random.uniform() ** (1 + (i % 9)) + 1e-300
      expect(Math.abs(exactLog(x) - Math.log(x))).toBeLessThanOrEqual(4e-16 * Math.max(1, Math.abs(Math.log(x))))
    }
    expect(exactLog(1)).toBe(0)
    expect(exactLog(12)).toBeCloseTo(Math.log(12), 14)
  })

  test('takes sines and cosines of a turn to the precision of a double', () => {
    const output = new Float64Array(2)
    for (let i = 0; i <= 1000; i += 1) {
      sinCosOfTurns(i / 1000, output)
      expect(Math.abs((output[0] ?? NaN) - Math.sin((2 * Math.PI * i) / 1000))).toBeLessThan(2e-15)
      expect(Math.abs((output[1] ?? NaN) - Math.cos((2 * Math.PI * i) / 1000))).toBeLessThan(2e-15)
    }
    sinCosOfTurns(0.25, output)
    expect([...output]).toEqual([1, -0])
  })
})
