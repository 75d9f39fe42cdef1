/** Weights inside a graph that are not finite are refused by name, however they are stored. */
import { describe, expect, test } from 'vitest'
import { readFileSync } from 'node:fs'
import { assertFinite, assertFiniteData } from '../../../../src/core/onnx'
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

test.each([0, 2])('constants of operators and of %i nested branches', async (depth) => {
  const part = (field: number, body: Uint8Array) =>
    Uint8Array.from([field * 8 + 2, 0x80 | (body.length & 127), body.length >> 7, ...body])
  const tensor = (...values: number[]) =>
    Uint8Array.from([16, 1, ...part(8, new TextEncoder().encode('const')), ...part(9, f32(...values))])
  const nested = (attribute: Uint8Array, left: number): Uint8Array =>
    left === 0 ? attribute : nested(part(6, part(1, part(5, attribute))), left - 1)
  const whole = (...values: number[]) => part(7, part(1, part(5, nested(part(5, tensor(...values)), depth))))
  expect(await refusal(whole(0.5, NaN))).toMatchObject({ code: 'WEIGHTS_INVALID' })
  expect(await refusal(whole(0.5, 2))).toBeNull()
})

test('a graph with 250,000 half-precision numbers one by one is taken', async () => {
  const int32 = Array.from({ length: 250_000 }, () => 0x3800)
  expect(await refusal(graph({ name: 'mid.weight', dims: [250_000], type: TYPE.float16, int32 }))).toBeNull()
})

describe('external data', () => {
  /** Bytes of a file, and the largest piece that was asked for. */
  function source(bytes: Uint8Array) {
    const asked = { largest: 0, size: bytes.length, slice }
    function slice(at: number, length: number) {
      asked.largest = Math.max(asked.largest, length)
      return Promise.resolve(bytes.slice(at, at + length))
    }
    return asked
  }
  const refusalOf = (weights: Weight[], file: Uint8Array, data = source(file)) =>
    assertFiniteData(graph(...weights), 'U-Net', (location) => (location === 'data' ? data : undefined)).then(
      () => null,
      (thrown: unknown) => thrown,
    )
  const at = (name: string, type: number, bytes: Uint8Array): Weight => ({
    name,
    dims: [bytes.length / 2],
    type,
    location: 'data',
    length: bytes.length,
  })

  test.each<[string, number, Uint8Array]>([
    ['float32', TYPE.float32, f32(1, 0.5, NaN)],
    ['float16', TYPE.float16, bits(0x3800, 0xfc00)],
    ['bfloat16', 16, bits(0x3f00, 0x7fc0)],
    ['float64', TYPE.float64, f64(0.5, Infinity)],
  ])('%s that is not finite is refused by name', async (_, type, bytes) => {
    const right = { ...at('first', TYPE.int64, new Uint8Array(8).fill(255)) }
    expect(await refusalOf([right, at('mid.weight', type, bytes)], bytes)).toMatchObject({
      code: 'WEIGHTS_INVALID',
      message: 'The weight "mid.weight" of the U-Net holds a number that is not finite.',
    })
  })

  test('without a length it is as long as its shape', async () => {
    const weight = { ...at('w', TYPE.float16, bits(0x3800, 0x7e00)), length: 0 }
    expect(await refusalOf([weight], bits(0x3800, 0x7e00))).toMatchObject({ code: 'WEIGHTS_INVALID' })
    expect(await refusalOf([{ ...weight, dims: [1] }], bits(0x3800, 0x7e00))).toBeNull()
  })

  test('at any place in memory', async () => {
    for (const start of [0, 1, 2]) {
      const bytes = new Uint8Array([...new Uint8Array(start), ...f32(1, 2, Infinity)]).subarray(start)
      const data = {
        ...source(bytes),
        slice: (from: number, n: number) => Promise.resolve(bytes.subarray(from, from + n)),
      }
      expect(await refusalOf([at('w', TYPE.float32, bytes)], bytes, data)).toMatchObject({ code: 'WEIGHTS_INVALID' })
    }
  })

  test('a mask is taken, and a large weight is read in pieces to its end', async () => {
    const mask = bits(0, 0xfc00, 0xfc00, 0x3c00)
    expect(await refusalOf([at('mask', TYPE.float16, mask)], mask)).toBeNull()
    const large = new Uint8Array(9 * 2 ** 20 + 2).fill(0x11)
    const data = source(large)
    expect(await refusalOf([at('w', TYPE.float16, large)], large, data)).toBeNull()
    expect(data.largest).toBeLessThanOrEqual(4 * 2 ** 20)
    large.set([0, 0x7c], large.length - 2)
    expect(await refusalOf([at('w', TYPE.float16, large)], large)).toMatchObject({ code: 'WEIGHTS_INVALID' })
  })
})
