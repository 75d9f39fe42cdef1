/** Reading ONNX files in place, against files that onnx and PyTorch wrote (models/export/fixtures.py). */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ByteSource } from '../../../../src/core/adapters'
import { readOnnx } from '../../../../src/core/onnx'
import { TYPE, onnxFile } from '../../../helpers/onnx'

const FAMILIES = 'tests/golden/families'

/** A file that counts the bytes taken from it. */
class Counted implements ByteSource {
  taken = 0
  constructor(private readonly bytes: Uint8Array) {}
  get size() {
    return this.bytes.length
  }
  slice(offset: number, length: number) {
    this.taken += length
    return Promise.resolve(this.bytes.subarray(offset, offset + length))
  }
}
const file = (path: string) => new Counted(new Uint8Array(readFileSync(`${FAMILIES}/${path}`)))
const text = (content: string) => new Counted(new TextEncoder().encode(content))

describe('readOnnx', () => {
  test('ports, operators and external weights of a U-Net', async () => {
    const model = await readOnnx(file('sd1/unet/model.onnx'), 'unet/model.onnx')
    expect(model.inputs).toEqual([
      { name: 'sample', dtype: 'float32', dims: ['batch', 4, 16, 16] },
      { name: 'timestep', dtype: 'int64', dims: [1] },
      { name: 'encoder_hidden_states', dtype: 'float32', dims: ['batch', 77, 16] },
    ])
    expect(model.outputs).toEqual([{ name: 'out_sample', dtype: 'float32', dims: ['batch', 4, 16, 16] }])
    expect(model.opsets.get('')).toBe(18)
    expect(model.operators.has(':InstanceNormalization')).toBe(true)
    const outside = model.weights.filter(({ location }) => location === 'model.onnx_data')
    expect(outside).toHaveLength(208)
    const data = readFileSync(`${FAMILIES}/sd1/unet/model.onnx_data`)
    for (const { dims, length, offset, dtype } of outside) {
      expect(dtype).toBe('F32')
      expect(length).toBe(4 * dims.reduce((a, b) => a * b, 1))
      expect(offset + length).toBeLessThanOrEqual(data.length)
    }
    expect(outside.find(({ name }) => name.endsWith('attn2.to_k.weight'))?.dims).toEqual([8, 16])
  })

  test('weights inside the graph lie where their bytes lie', async () => {
    const bytes = readFileSync(`${FAMILIES}/sd-turbo/unet/model.onnx`)
    const model = await readOnnx(new Counted(new Uint8Array(bytes)), 'unet/model.onnx')
    const weight = model.weights.find(({ name }) => name === 'conv_out.bias')!
    expect(weight).toMatchObject({ location: '', dims: [4], dtype: 'F32', length: 16 })
    // A trained bias of four small numbers, not whatever else is there.
    const values = Array.from({ length: 4 }, (_, i) => bytes.readFloatLE(weight.offset + 4 * i))
    expect(values.every((value) => Number.isFinite(value) && Math.abs(value) < 1 && value !== 0)).toBe(true)
  })

  test('half-precision ports and int32 ids', async () => {
    expect((await readOnnx(file('sd-turbo/text_encoder/model.onnx'), 'x')).inputs[0]).toMatchObject({
      name: 'input_ids',
      dtype: 'int32',
    })
    expect((await readOnnx(file('sd-turbo/unet/model_fp16.onnx'), 'x')).inputs[0]).toMatchObject({
      name: 'sample',
      dtype: 'float16',
    })
  })

  test('a size of -1 is one that is not fixed', async () => {
    const model = await readOnnx(
      new Counted(
        onnxFile({
          inputs: [{ name: 'x', type: TYPE.float32, dims: [-1, 4, 'height'] }],
          outputs: [{ name: 'y', type: TYPE.float32, dims: [] }],
        }),
      ),
      'x',
    )
    expect(model.inputs[0]?.dims).toEqual(['dim0', 4, 'height'])
  })

  test('weights are passed over, not read', async () => {
    const big = 4_000_000
    const source = new Counted(
      onnxFile({
        inputs: [],
        outputs: [{ name: 'y', type: TYPE.float32, dims: [] }],
        weights: [{ name: 'w', dims: [1_000_000], type: TYPE.float32, raw: new Uint8Array(big) }],
      }),
    )
    const model = await readOnnx(source, 'big.onnx')
    expect(model.weights).toEqual([
      { name: 'w', dims: [1_000_000], dtype: 'F32', location: '', offset: expect.any(Number) as number, length: big },
    ])
    expect(model.outputs.map(({ name }) => name)).toEqual(['y'])
    expect(source.taken).toBeLessThan(1_000_000)
  })

  test.each([
    ['an empty file', text(''), 'it is empty'],
    ['a web page', text('<!doctype html><html></html>'), 'a web page'],
    ['a pointer', text('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'), 'Git LFS'],
    ['safetensors', new Counted(new Uint8Array(readFileSync(`${FAMILIES}/sd1.safetensors`))), 'safetensors'],
    ['noise', new Counted(Uint8Array.from({ length: 999 }, (_, i) => (i * 73) % 251)), 'no ONNX graph'],
    ['an archive', text('PK\u0003\u0004…'), 'ZIP'],
  ])('refuses %s and says what it is', async (_, source, why) => {
    await expect(readOnnx(source, 'unet/model.onnx')).rejects.toMatchObject({
      code: 'GRAPH_MISMATCH',
      message: expect.stringContaining(why) as string,
    })
  })

  test('refuses a graph cut off anywhere', async () => {
    const whole = new Uint8Array(readFileSync(`${FAMILIES}/sd1/vae_decoder/model.onnx`))
    for (const share of [0.1, 0.5, 0.9, 0.999]) {
      await expect(
        readOnnx(new Counted(whole.subarray(0, Math.floor(share * whole.length))), 'x'),
      ).rejects.toMatchObject({ code: 'GRAPH_MISMATCH' })
    }
  })
})
