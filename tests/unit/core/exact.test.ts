/** The elementary functions: their precision, and their bits, which must be the same in every engine. */
import { describe, expect, test } from 'vitest'
import { exactExp, exactLog, exactLog1p, hypotenuse, sigmoid, sinCosOfTurns, wholePower } from '../../../src/core/exact'
import { sha256Hex } from '../../../src/core/hash'
import { createRandom } from '../../../src/core/random'

const away = (value: number, right: number) => Math.abs(value - right) / Math.max(Math.abs(right), 1e-300)

describe('to the precision of a double', () => {
  const random = createRandom(1)
  const draws = (count: number, of: () => number) => Array.from({ length: count }, of)

  test('logarithms', () => {
    for (let i = 0; i < 2000; i += 1) {
      const x = wholePower(random.uniform(), 1 + (i % 9)) + 1e-300
      expect(Math.abs(exactLog(x) - Math.log(x))).toBeLessThanOrEqual(4e-16 * Math.max(1, Math.abs(Math.log(x))))
    }
    expect(exactLog(1)).toBe(0)
    expect(exactLog(12)).toBeCloseTo(Math.log(12), 14)
    expect([exactLog(0), exactLog(Infinity), exactLog(-1)]).toEqual([-Infinity, Infinity, NaN])
  })

  test('logarithms near 1', () => {
    for (const x of [...draws(2000, () => 3 * random.uniform() - 0.999), 1e-20, -1e-9, 0.41, -0.29, 1e9])
      expect(away(exactLog1p(x), Math.log1p(x))).toBeLessThanOrEqual(6e-16)
    expect([exactLog1p(0), exactLog1p(-1), exactLog1p(-2)]).toEqual([0, -Infinity, NaN])
  })

  test('exponentials', () => {
    for (const x of draws(3000, () => 1400 * random.uniform() - 700))
      expect(away(exactExp(x), Math.exp(x))).toBeLessThanOrEqual(5e-16)
    for (const x of draws(1000, () => 2 * random.uniform() - 1))
      expect(away(exactExp(x), Math.exp(x))).toBeLessThanOrEqual(5e-16)
    expect([0, -0, Infinity, -Infinity, NaN, 710, -746].map(exactExp)).toEqual([1, 1, Infinity, 0, NaN, Infinity, 0])
    expect(exactExp(709.78)).toBeCloseTo(Math.exp(709.78), -297)
    expect(exactExp(-744)).toBe(Math.exp(-744))
    expect([0, -1000, 1000].map(sigmoid)).toEqual([0.5, 0, 1])
  })

  test('sines and cosines of a turn', () => {
    const output = new Float64Array(2)
    for (let i = 0; i <= 1000; i += 1) {
      sinCosOfTurns(i / 1000, output)
      expect(Math.abs((output[0] ?? NaN) - Math.sin((2 * Math.PI * i) / 1000))).toBeLessThan(2e-15)
      expect(Math.abs((output[1] ?? NaN) - Math.cos((2 * Math.PI * i) / 1000))).toBeLessThan(2e-15)
    }
    sinCosOfTurns(0.25, output)
    expect([...output]).toEqual([1, -0])
  })

  test('powers and hypotenuses', () => {
    for (const n of [0, 1, 2, 3, 10, 1000]) expect(away(wholePower(0.999, n), Math.pow(0.999, n))).toBeLessThan(1e-13)
    expect([wholePower(2, 53), wholePower(-3, 3), wholePower(0, 0)]).toEqual([2 ** 53, -27, 1])
    expect(hypotenuse(3, -4)).toBe(5)
  })
})

test('the same bits on every machine', () => {
  const random = createRandom(7)
  const values = Array.from({ length: 3000 }, () => random.uniform())
  const sinCos = new Float64Array(2)
  const found = values.flatMap((u) => {
    sinCosOfTurns(u, sinCos)
    return [exactLog(u), exactLog1p(-u), exactExp(60 * u - 30), wholePower(u, 7), hypotenuse(u, 1 - u), ...sinCos]
  })
  expect(sha256Hex(new Uint8Array(Float64Array.from(found).buffer)).slice(0, 16)).toBe('772f9bc5439322f2')
})
