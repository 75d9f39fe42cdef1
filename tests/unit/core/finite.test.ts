import { expect, test } from 'vitest'
import { allFinite } from '../../../src/core/finite'

test('finds the one value that is no finite number, wherever it is', () => {
  for (const bad of [NaN, -NaN, Infinity, -Infinity]) {
    for (const at of [0, 3, 6]) {
      const values = new Float32Array(7)
      values[at] = bad
      expect(allFinite(values)).toBe(false)
    }
  }
})

test('takes every finite number, the largest and the smallest too, and looks at nothing beside a view', () => {
  expect(allFinite(Float32Array.of(0, -0, 3.4028234663852886e38, -3.4028234663852886e38, 1e-45))).toBe(true)
  expect(allFinite(Float32Array.of(NaN, 1, 2, Infinity).subarray(1, 3))).toBe(true)
  expect(allFinite(new Float32Array())).toBe(true)
})
