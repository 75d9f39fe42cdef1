import { expect, test } from 'vitest'
import { addLowRank, productRow, type Factors } from '../../../../src/core/adapters/lowRank'

const waves = (length: number, step: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(step * i + 1))

/** One term after another, as the formula says. */
function oneByOne({ rank, columns, down, up }: Factors, row: number): number[] {
  return Array.from({ length: columns }, (_, j) => {
    let sum = 0
    for (let k = 0; k < rank; k++) sum += up[row * rank + k]! * down[k * columns + j]!
    return sum
  })
}

for (const rank of [1, 3, 4, 7, 16]) {
  test(`adds the terms of rank ${rank} in their order, to the bit`, () => {
    const factors = { rank, rows: 3, columns: 11, down: waves(rank * 11, 0.7), up: waves(3 * rank, 1.3) }
    for (const zero of [null, 0, rank - 1]) {
      if (zero !== null) factors.up[rank + zero] = 0
      for (let row = 0; row < 3; row++) expect([...productRow(factors, row)]).toEqual(oneByOne(factors, row))
    }
  })
}

test('leaves out what is multiplied by zero, also where it overflowed', () => {
  const down = waves(8 * 2, 0.7)
  down[1 * 2] = Infinity
  const factors = { rank: 8, rows: 1, columns: 2, down, up: Float32Array.of(1, 0, 1, 1, 1, 1, 1, 1) }
  const weight = new Float32Array(2)
  addLowRank(weight, factors, 0.5)
  expect(weight.every(Number.isFinite)).toBe(true)
})
