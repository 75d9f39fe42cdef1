import { describe, expect, test } from 'vitest'
import {
  memoryLine,
  peakFactor,
  planMemory,
  type MachineFacts,
  type StageFacts,
  type VariantFacts,
} from '../../../../src/core/memory'

const stage = (name: string, files: number[], change: Partial<StageFacts> = {}): StageFacts => ({
  name,
  files,
  largestTensor: null,
  half: false,
  ...change,
})
const model = (name: string, unet: number, change: Partial<StageFacts> = {}): VariantFacts => ({
  name,
  stages: [
    stage('text encoder', [500e6], change),
    stage('U-Net', [unet], change),
    stage('VAE decoder', [100e6], change),
  ],
})
const gpu = { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 30, shaderF16: true }
const machine = (change: Partial<MachineFacts> = {}): MachineFacts => ({
  provider: 'wasm',
  jspi: true,
  adapter: null,
  deviceMemory: 8,
  room: 50e9,
  ...change,
})

describe('the memory plan', () => {
  test('the largest stage decides the peak, all of them the download', () => {
    expect(planMemory(model('', 1e9), machine())).toEqual({
      fits: true,
      downloadBytes: 1.6e9,
      peakBytes: 1.29e9,
      problems: [],
      instead: null,
    })
    expect(memoryLine(planMemory(model('', 1e9), machine()))).toBe('About 1.3 GB of memory while loading.')
  })

  test('the peak follows the build: streamed weights cost least on the GPU', () => {
    expect([
      peakFactor({ provider: 'webgpu', jspi: true }),
      peakFactor({ provider: 'wasm', jspi: true }),
      peakFactor({ provider: 'wasm', jspi: false }),
    ]).toEqual([0.4, 1.29, 2.26])
  })

  test.each<[string, VariantFacts, Partial<MachineFacts>, string]>([
    [
      'half precision without shader-f16',
      model('fp16', 1e9, { half: true }),
      { provider: 'webgpu', adapter: { ...gpu, shaderF16: false } },
      'The U-Net computes in half precision, which this graphics adapter cannot do (shader-f16).',
    ],
    [
      'a tensor larger than a binding',
      model('', 1e9, { largestTensor: 1.5e9 }),
      { provider: 'webgpu', adapter: gpu },
      'The U-Net has a tensor of 1.5 GB, and this graphics adapter takes at most 1.1 GB.',
    ],
    ['no adapter', model('', 1e9), { provider: 'webgpu' }, 'There is no graphics adapter for WebGPU here.'],
    [
      'a file that no ArrayBuffer holds',
      model('', 3e9),
      { jspi: false },
      'The U-Net has a file of 3.0 GB, and this browser loads at most 2.1 GB in one piece.',
    ],
    [
      'more than WebAssembly can address',
      model('', 5e9),
      {},
      'The U-Net has 5.0 GB, and WebAssembly can address 4.3 GB.',
    ],
    [
      'a small device',
      model('', 1.9e9),
      { deviceMemory: 2 },
      'Loading it takes about 2.5 GB of memory, and this device has 2.1 GB for everything.',
    ],
    [
      'a full disk',
      model('', 1e9),
      { room: 1e9 },
      'It needs 1.6 GB on the disk, and this browser has room for 1.0 GB.',
    ],
  ])('%s is told in one sentence', (_, variant, change, sentence) => {
    const plan = planMemory(variant, machine(change))
    expect(plan.fits).toBe(false)
    expect(plan.problems).toContain(sentence)
  })

  test('eight reported gigabytes may be more, and refuse nothing', () => {
    expect(planMemory(model('', 3.9e9), machine({ deviceMemory: 8 })).fits).toBe(true)
    expect(planMemory(model('', 3.9e9), machine({ deviceMemory: 4 })).fits).toBe(false)
    expect(planMemory(model('', 3.9e9), machine({ deviceMemory: null })).fits).toBe(true)
  })

  test('the largest variant that fits is named', () => {
    const others = [model('fp32', 3.4e9), model('fp16', 1.7e9, { half: true }), model('q4f16', 0.5e9, { half: true })]
    const plan = planMemory(others[0]!, machine({ deviceMemory: 4 }), others)
    expect(plan.instead).toBe('fp16')
    expect(memoryLine(plan)).toMatch(/ The variant "fp16" would fit\.$/)
    expect(memoryLine(planMemory(others[0]!, machine({ deviceMemory: 0.25 }), others))).toMatch(
      /No variant of this model fits; choose a smaller model\.$/,
    )
  })

  test('what is stored already needs no room', () => {
    expect(planMemory(model('', 1e9), machine({ room: 1e8 }), [], 0).fits).toBe(true)
  })
})
