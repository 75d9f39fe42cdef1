import { readFileSync } from 'node:fs'
import { MersenneTwister } from '../../../../src/core/random'

export const golden = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../golden/metrics/${name}`, import.meta.url), 'utf8'))

/** The features of tests/golden/metrics/make_distances.py, bit by bit. */
export function features(seed: number, rows: number, dimension: number, shift: number): Float32Array {
  const twister = new MersenneTwister(seed)
  const width = dimension + 8
  const words = Float64Array.from({ length: rows * width }, () => twister.uint32() / 2 ** 32)
  const result = new Float32Array(rows * dimension)
  for (let i = 0; i < rows; i += 1) {
    for (let j = 0; j < dimension; j += 1) {
      const scale = 2 / (1 + j * 0.125)
      result[i * dimension + j] = scale * (words[i * width + j]! + words[i * width + dimension + (j % 8)]! * 0.5) + shift * (j % 3)
    }
  }
  return result
}
