import { readFileSync } from 'node:fs'
import type { RgbImage } from '../../../../src/core/metrics'
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
      result[i * dimension + j] =
        scale * (words[i * width + j]! + words[i * width + dimension + (j % 8)]! * 0.5) + shift * (j % 3)
    }
  }
  return result
}

/** The picture of tests/golden/metrics/pictures.py, byte by byte. */
export function picture(width: number, height: number, seed: number): RgbImage {
  const twister = new MersenneTwister(seed)
  const rgb = new Uint8Array(width * height * 3)
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 3) {
      const noise = twister.uint32() & 63
      rgb[i] = (Math.floor((x * x) / 7) + y * 5) % 256
      rgb[i + 1] = (Math.floor(x / 4) + Math.floor(y / 3)) % 2 === 0 ? 230 : 25
      rgb[i + 2] = ((x * 3 + y * 2) % 192) + noise
    }
  }
  return { width, height, rgb }
}

/** Largest difference of every `step`-th value from the expected ones; infinite when their number differs. */
export function sampledGap(values: ArrayLike<number>, step: number, expected: readonly number[]): number {
  if (Math.ceil(values.length / step) !== expected.length) return Infinity
  return expected.reduce((gap, value, i) => Math.max(gap, Math.abs((values[i * step] ?? NaN) - value)), 0)
}
