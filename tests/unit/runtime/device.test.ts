import { describe, expect, test } from 'vitest'
import { chooseDevice, environmentOf, threadCount, type DeviceFacts } from '../../../src/runtime/device'

const gpuWith = (info: Partial<GPUAdapterInfo> | null): GPU =>
  ({
    requestAdapter: () =>
      Promise.resolve(
        info && {
          info: { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false, ...info },
        },
      ),
  }) as unknown as GPU
const facts = (change: Partial<DeviceFacts> = {}): DeviceFacts => ({
  gpu: undefined,
  hardwareConcurrency: 8,
  crossOriginIsolated: true,
  sharedMemory: true,
  userAgent: 'test',
  ...change,
})

describe('threads', () => {
  test.each([
    [0, 8, true, 4],
    [0, 2, true, 2],
    [0, 1, true, 1],
    [3, 2, true, 3],
    [0, 8, false, 1],
    [4, 8, false, 1],
  ])('asked %i, %i cores, isolated %s: %i', (asked, hardwareConcurrency, crossOriginIsolated, expected) => {
    expect(threadCount(asked, facts({ hardwareConcurrency, crossOriginIsolated }))).toBe(expected)
  })

  test.each([-1, 1.5, NaN, 1000])('%s is refused', async (threads) => {
    await expect(chooseDevice({ executionProvider: 'wasm', threads }, facts())).rejects.toMatchObject({
      code: 'BAD_INPUT',
    })
  })

  test('one thread without isolation is said', async () => {
    const device = await chooseDevice({ executionProvider: 'wasm', threads: 4 }, facts({ crossOriginIsolated: false }))
    expect(device.threads).toBe(1)
    expect(device.warnings[0]?.message).toMatch(/one thread/)
  })

  test('one thread in a browser without shared memory, which is said', async () => {
    const device = await chooseDevice({ executionProvider: 'wasm', threads: 4 }, facts({ sharedMemory: false }))
    expect(device.threads).toBe(1)
    expect(device.warnings[0]?.message).toMatch(/shares no memory/)
  })
})

describe('the execution provider', () => {
  test('auto takes a hardware adapter', async () => {
    const device = await chooseDevice(
      { executionProvider: 'auto', threads: 0 },
      facts({ gpu: gpuWith({ vendor: 'nvidia', architecture: 'ampere' }) }),
    )
    expect(device).toMatchObject({ provider: 'webgpu', adapter: 'nvidia ampere' })
  })

  test.each([
    ['no WebGPU', undefined],
    ['no adapter', gpuWith(null)],
    ['a software adapter, 30 times slower', gpuWith({ vendor: 'google', architecture: 'swiftshader' })],
    ['a fallback adapter', gpuWith({ vendor: 'x', isFallbackAdapter: true })],
    ['a blocked driver', { requestAdapter: () => Promise.reject(new Error('blocked')) } as unknown as GPU],
  ])('auto takes WASM with %s', async (_, gpu) => {
    expect(await chooseDevice({ executionProvider: 'auto', threads: 0 }, facts({ gpu }))).toMatchObject({
      provider: 'wasm',
      adapter: null,
    })
  })

  test('a software adapter is taken when WebGPU is asked for', async () => {
    const device = await chooseDevice(
      { executionProvider: 'webgpu', threads: 0 },
      facts({ gpu: gpuWith({ architecture: 'swiftshader' }) }),
    )
    expect(device).toMatchObject({ provider: 'webgpu', adapter: 'swiftshader' })
  })

  test.each([
    ['no WebGPU', undefined, /no WebGPU/],
    ['no adapter', gpuWith(null), /no graphics adapter/],
  ])('WebGPU asked for with %s is an error that says what to choose', async (_, gpu, sentence) => {
    await expect(chooseDevice({ executionProvider: 'webgpu', threads: 0 }, facts({ gpu }))).rejects.toMatchObject({
      code: 'WEBGPU_UNAVAILABLE',
      message: expect.stringMatching(sentence) as unknown,
      hint: expect.stringMatching(/WASM/) as unknown,
    })
  })
})

test('the environment records what the Report needs', async () => {
  const device = await chooseDevice({ executionProvider: 'wasm', threads: 2 }, facts())
  expect(
    environmentOf(device, facts({ userAgent: 'x'.repeat(900) }), { onnxruntime: '1', transformers: '4', app: '0' }),
  ).toEqual({
    executionProvider: 'wasm',
    adapter: null,
    threads: 2,
    crossOriginIsolated: true,
    precision: 'float32',
    userAgent: 'x'.repeat(500),
    onnxruntime: '1',
    transformers: '4',
    app: '0',
  })
})
