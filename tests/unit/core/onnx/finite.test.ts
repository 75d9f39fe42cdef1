/** Weights inside a graph that are not finite are refused by name, however they are stored. */
import { expect, test } from 'vitest'
import { readFileSync } from 'node:fs'
import { assertFinite } from '../../../../src/core/onnx'
import { TYPE, onnxFile, type TestGraph } from '../../../helpers/onnx'

type Weight = NonNullable<TestGraph['weights']>[number]
const port = { name: 'x', type: TYPE.float32, dims: [1] }
const graph = (...weights: Weight[]) => onnxFile({ inputs: [port], outputs: [port], weights })
const f32 = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer)
const f64 = (...values: number[]) => new Uint8Array(Float64Array.from(values).buffer)
const bits = (...values: number[]) => new Uint8Array(Uint16Array.from(values).buffer)
const refusal = (bytes: Uint8Array) =>
  assertFinite(bytes, 'U-Net').then(
    () => null,
    (thrown: unknown) => thrown,
  )

test.each<[string, Omit<Weight, 'name' | 'dims'>]>([
  ['float32', { type: TYPE.float32, raw: f32(1, 0.5, NaN) }],
  ['an infinity beside weights', { type: TYPE.float32, raw: f32(0.25, Infinity) }],
  ['float64', { type: TYPE.float64, raw: f64(0.5, -Infinity) }],
  ['float16', { type: TYPE.float16, raw: bits(0x3800, 0x7e00) }],
  ['bfloat16', { type: 16, raw: bits(0x3f00, 0x7f80) }],
  ['float_data', { type: TYPE.float32, floats: f32(0.5, NaN) }],
  ['int32_data of float16', { type: TYPE.float16, int32: [0x3800, 0xfc00] }],
])('%s', async (_, weight) => {
  expect(await refusal(graph({ name: 'mid.weight', dims: [2], ...weight }))).toMatchObject({
    code: 'WEIGHTS_INVALID',
    message: 'The weight "mid.weight" of the U-Net holds a number that is not finite.',
  })
})

test('whole numbers, masks and whole graphs are taken', async () => {
  const mask = { name: 'mask', dims: [2, 2], type: TYPE.float32, raw: f32(0, -Infinity, 0, 0) }
  const ids = { name: 'ids', dims: [1], type: TYPE.int64, raw: new Uint8Array(8).fill(255) }
  const large = { name: 'large', dims: [2], type: TYPE.float32, raw: f32(3.4e38, -1e-40) }
  expect(await refusal(graph(mask, ids, large))).toBeNull()
  for (const path of ['sd1/unet/model.onnx', 'sd-turbo/unet/model.onnx', 'sd1/text_encoder/model.onnx'])
    expect(await refusal(new Uint8Array(readFileSync(`tests/golden/families/${path}`)))).toBeNull()
})

test('a graph with a million half-precision numbers one by one is taken', async () => {
  const int32 = Array.from({ length: 1_000_000 }, () => 0x3800)
  expect(await refusal(graph({ name: 'mid.weight', dims: [1_000_000], type: TYPE.float16, int32 }))).toBeNull()
})
