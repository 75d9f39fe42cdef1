import { readFileSync } from 'node:fs'
import { readSafetensors, writeSafetensors, type SafetensorsFile } from '../../../../src/core/adapters'

export const golden = (name: string): SafetensorsFile =>
  readSafetensors(readFileSync(new URL(`../../../golden/adapters/${name}`, import.meta.url)))

/** Name → shape of every tensor of a model file. */
export const shapesOf = (file: SafetensorsFile): Map<string, readonly number[]> =>
  new Map([...file.tensors].map(([name, tensor]) => [name, tensor.shape]))

/** Largest difference divided by the largest expected magnitude. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity
  let difference = 0
  let size = 0
  for (let i = 0; i < expected.length; i++) {
    const gap = Math.abs(actual[i]! - expected[i]!)
    if (!(gap <= difference)) difference = gap
    size = Math.max(size, Math.abs(expected[i]!))
  }
  return difference / size
}

/** A file made in memory; values are float32 unless bytes are given. */
export const adapterFile = (
  tensors: Record<
    string,
    { shape: number[]; data: number[]; dtype?: 'F32' | 'F16' } | { shape: number[]; int8: number[] }
  >,
  metadata: Record<string, string> = {},
): SafetensorsFile =>
  readSafetensors(
    writeSafetensors(
      new Map(
        Object.entries(tensors).map(([name, tensor]) => [
          name,
          'int8' in tensor
            ? ({ dtype: 'I8', shape: tensor.shape, data: new Uint8Array(Int8Array.from(tensor.int8).buffer) } as const)
            : ({ dtype: tensor.dtype ?? 'F32', shape: tensor.shape, data: Float32Array.from(tensor.data) } as const),
        ]),
      ),
      metadata,
    ),
  )
