/** A part that is loaded for every batch is checked once: its weights are gigabytes. */
import { expect, test } from 'vitest'
import type { Adapter } from '../../../../src/core/adapters'
import type { OnnxComponent, OnnxWeight } from '../../../../src/core/contracts'
import type { OrtRuntime } from '../../../../src/runtime/ort'
import { createPublished, type PublishedFiles } from '../../../../src/runtime/published/published'
import { TYPE, onnxFile } from '../../../helpers/onnx'

const weight: OnnxWeight = {
  name: 'w',
  dims: [2],
  dtype: 'F32',
  location: 'data',
  offset: 0,
  length: 8,
}
const port = { name: 'x', type: TYPE.float32, dims: [2] }
const onnx = onnxFile({
  inputs: [port],
  outputs: [port],
  weights: [{ ...weight, type: TYPE.float32 }],
})
const fileOf = (path: string, bytes: number) => ({ path, bytes, sha256: null })
const component = (data: string): OnnxComponent => ({
  onnx: fileOf('model.onnx', onnx.length),
  data: [{ location: 'data', file: fileOf(data, 8) }],
  weights: [weight],
  precision: 'float32',
  inputs: [],
  outputs: [],
})
/** Of the weights inside the graph: what is beside it stays the file that is counted. */
const adapters = (): Adapter[] => [{ targets: new Map() } as Adapter]

/** An opened model whose external data are `numbers`; `read()`: how often they were read since it was last asked. */
function opened(...numbers: number[]) {
  let count = 0
  class Counted extends Blob {
    override slice(...range: [number, number]): Blob {
      count++
      return super.slice(...range)
    }
  }
  const files: PublishedFiles = {
    blob: async ({ path }) => (path === 'model.onnx' ? new Blob([onnx]) : new Counted([Float32Array.from(numbers)])),
  }
  const session = {
    inputMetadata: [],
    outputMetadata: [],
    release: async () => undefined,
  }
  const runtime = {
    ort: { InferenceSession: { create: async () => session } },
    provider: 'wasm',
    exclusive: <T>(work: () => Promise<T>) => work(),
  } as unknown as OrtRuntime
  const make = (given: readonly Adapter[] = [], data = 'weights') =>
    createPublished(runtime, files, 'U-Net', component(data), given, () => undefined)
  const read = () => {
    const before = count
    count = 0
    return before
  }
  return { make, read }
}

test('the second session of the same files reads nothing again; other files and models are read', async () => {
  const { make, read } = opened(1, 2)
  await make()
  expect(read()).toBe(1)
  await make()
  await make([])
  expect(read()).toBe(0)
  await make([], 'other weights')
  expect(read()).toBe(1)
  const another = opened(1, 2)
  await another.make()
  expect(another.read()).toBe(1)
})

test('weights that were refused are refused again, and with other adapters they are checked anew', async () => {
  const refused = {
    code: 'WEIGHTS_INVALID',
    message: expect.stringContaining('"w" of the U-Net') as unknown,
  }
  const broken = opened(1, NaN)
  await expect(broken.make()).rejects.toMatchObject(refused)
  await expect(broken.make()).rejects.toMatchObject(refused)
  const { make, read } = opened(1, 2)
  const [one, other] = [adapters(), adapters()]
  const counts = []
  for (const given of [[], one, one, other, one]) {
    await make(given)
    counts.push(read())
  }
  expect(counts).toEqual([1, 1, 0, 1, 0])
})
