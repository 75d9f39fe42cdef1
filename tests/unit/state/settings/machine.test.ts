import { describe, expect, test } from 'vitest'
import type { EngineApi, ModelChoice, ModelManifest, OnnxComponent } from '../../../../src/core/contracts'
import type { MachineFacts } from '../../../../src/core/memory'
import { planOf } from '../../../../src/state/settings/machine'

const choice: ModelChoice = {
  source: { kind: 'address', text: 'hf:owner/name', endpoint: '', token: null },
  variant: null,
}
const machine: MachineFacts = {
  provider: 'webgpu',
  jspi: true,
  adapter: { maxBufferSize: 1e9, maxStorageBufferBindingSize: 2 ** 27, shaderF16: false },
  deviceMemory: 8,
  room: 1e10,
}
const part = (bytes: number, precision: OnnxComponent['precision'], largest: number): OnnxComponent => ({
  onnx: { path: 'model.onnx', bytes: 1000, sha256: null },
  data: [{ location: 'model.onnx_data', file: { path: 'model.onnx_data', bytes, sha256: null } }],
  weights: [{ name: 'w', dims: [largest / 4], dtype: 'F32', location: 'model.onnx_data', offset: 0, length: largest }],
  precision,
  inputs: [],
  outputs: [],
})
const manifest = (precision: OnnxComponent['precision'], largest: number): ModelManifest =>
  ({
    variants: ['', 'fp16', 'q4', 'broken'],
    model: {
      textEncoder: part(1e8, precision, 1e6),
      unet: part(1e9, precision, largest),
      vaeDecoder: part(1e8, precision, 1e6),
    },
  }) as unknown as ModelManifest
const described = (variant: string | null) => ({
  manifest: variant === 'fp16' ? manifest('float16', 1e6) : manifest('quantised', 1e6),
  bytes: 1,
  missing: 1,
})

describe('the plan of a published model', () => {
  test('looks at no other variant where it fits', async () => {
    const plan = await planOf(
      {
        describe: () => {
          throw new Error('asked')
        },
      },
      choice,
      { manifest: manifest('float32', 1e6), missing: 1.2e9 },
      machine,
    )
    expect(plan).toMatchObject({ fits: true, downloadBytes: 1.2e9 + 3000 })
  })

  test('names the variant that fits instead; those that cannot be read are passed over', async () => {
    const asked: (string | null)[] = []
    const engine: Pick<EngineApi, 'describe'> = {
      describe: ({ variant }) => {
        asked.push(variant)
        return variant === 'broken' ? Promise.reject(new Error('no such file')) : Promise.resolve(described(variant))
      },
    }
    const plan = await planOf(engine, choice, { manifest: manifest('float32', 5e8), missing: 1.2e9 }, machine)
    expect(plan.problems).toEqual(['The U-Net has a tensor of 500 MB, and this graphics adapter takes at most 135 MB.'])
    // Half precision needs shader-f16, which is missing here.
    expect(plan.instead).toBe('q4')
    expect(asked).toEqual(['fp16', 'q4', 'broken'])
  })
})
