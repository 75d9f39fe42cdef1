import { Tensor } from 'onnxruntime-web'
import { describe, expect, test } from 'vitest'
import type { GraphPort, ModelComponent } from '../../../../src/core/contracts'
import { Denoiser } from '../../../../src/runtime/generator/denoiser'
import { assertPorts, floatsOf, toTensor, type Graph, type Values } from '../../../../src/runtime/generator/graph'
import { ortError, type OrtRuntime } from '../../../../src/runtime/ort'
import { Stage } from '../../../../src/runtime/generator/stage'

const runtime = { ort: { Tensor } } as unknown as OrtRuntime
const port = (name: string, dtype: GraphPort['dtype'], dims: GraphPort['dims']): GraphPort => ({ name, dtype, dims })
const meta = (name: string, type: 'float32' | 'int64', shape: (string | number)[]) => ({
  name,
  isTensor: true as const,
  type,
  shape,
})

describe('ports', () => {
  const wanted = [port('sample', 'float32', ['batch', 4, 8, 8]), port('input_ids', 'int64', ['batch', 77])]
  const fits = [meta('sample', 'float32', ['batch', 4, 8, 8]), meta('input_ids', 'int64', ['n', 77])]
  test('that fit are taken, free dimensions by any name', () => assertPorts('U-Net', 'input', wanted, fits))

  test.each([
    ['a missing one', fits.slice(0, 1), /no input "input_ids"; it has sample/],
    [
      'another type',
      [fits[0]!, meta('input_ids', 'float32', ['n', 77])],
      /"input_ids" is float32, the manifest says int64/,
    ],
    [
      'another dimension',
      [fits[0]!, meta('input_ids', 'int64', ['n', 32])],
      /has the shape \[n, 32\], the manifest says \[batch, 77\]/,
    ],
    ['another rank', [fits[0]!, meta('input_ids', 'int64', [77])], /has the shape \[77\]/],
    [
      'one too many',
      [...fits, meta('timestep_cond', 'float32', ['n', 256])],
      /"timestep_cond", which the manifest does not name/,
    ],
  ])('%s is a graph mismatch by name', (_, actual, sentence) => {
    expect(() => assertPorts('U-Net', 'input', wanted, actual)).toThrow(
      expect.objectContaining({ code: 'GRAPH_MISMATCH', message: expect.stringMatching(sentence) as unknown }),
    )
  })
})

describe('values', () => {
  test.each([
    ['float32', [0.5, -2]],
    ['float16', [0.5, -2]],
    ['int32', [3, -2]],
    ['int64', [3, -2]],
  ] as const)('of type %s arrive and come back', (dtype, data) => {
    const tensor = toTensor(runtime, port('x', dtype, [2]), { data: [...data], dims: [2] })
    expect(tensor.type).toBe(dtype)
    expect([...floatsOf(tensor).data]).toEqual([...data])
  })
})

describe('errors of onnxruntime', () => {
  test.each([
    ['std::bad_alloc', 'MEMORY'],
    ['RangeError: Array buffer allocation failed', 'MEMORY'],
    ['GPUDevice was lost', 'DEVICE_LOST'],
    ['Aborted(). Build with -sASSERTIONS', 'WORKER_CRASHED'],
    ['RuntimeError: memory access out of bounds', 'WORKER_CRASHED'],
    ['something else', 'UNEXPECTED'],
  ])('%s is %s', (message, code) => {
    expect(ortError(new Error(message), 'running the U-Net')).toMatchObject({
      code,
      message: expect.stringMatching(/while running the U-Net/) as unknown,
    })
  })

  test('a runtime that cannot be loaded is a failed download', () => {
    expect(
      ortError(new Error('no available backend found. ERR: [wasm] Error: 404'), 'loading the graph of the U-Net'),
    ).toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringMatching(/runtime could not be started/) as unknown,
    })
  })
})

/** A U-Net that returns sample + 100·(first number of the embedding) + timestep. */
function stageOf(unet: FakeUnet): Stage {
  const component = {
    inputs: ['sample', 'timestep'].map((name) => unet.input(name)),
    outputs: [],
  } as unknown as ModelComponent
  return new Stage({ component, create: () => Promise.resolve(unet as unknown as Graph) })
}

class FakeUnet {
  batches: number[] = []
  timesteps: Values[] = []
  component = { inputs: [], outputs: [] }
  constructor(
    private readonly batch: number | string,
    private readonly timestepDims: GraphPort['dims'],
  ) {}
  input(name: string): GraphPort {
    return name === 'sample' ? port(name, 'float32', [this.batch, 1, 2, 2]) : port(name, 'float32', this.timestepDims)
  }

  timestep(value: number, count: number): Values {
    return { data: Float32Array.from({ length: count }, () => value), dims: [count] }
  }

  run(inputs: Record<string, Values>) {
    const { data, dims } = inputs['sample']!
    const hidden = inputs['encoder_hidden_states']!
    this.batches.push(dims[0]!)
    this.timesteps.push(inputs['timestep']!)
    const width = hidden.dims[1]! * hidden.dims[2]!
    const out = Float32Array.from(
      data,
      (x, i) => x + 100 * hidden.data[Math.floor(i / 4) * width]! + inputs['timestep']!.data[0]!,
    )
    return Promise.resolve({ out_sample: { data: out, dims } })
  }
}

describe('the denoiser', () => {
  const latent = { channels: 1, height: 2, width: 2, scalingFactor: 1, shiftFactor: 0 }
  const embeds = Array.from({ length: 5 }, (_, i) => Float32Array.from([i, -1, -1, -1]))
  const samples = Float32Array.from({ length: 20 }, (_, i) => i)
  const wanted = samples.map((x, i) => x + 100 * Math.floor(i / 4) + 7)

  test.each([
    ['a free batch', 'batch', ['batch'], [5]],
    ['a batch fixed to 2, the last one filled up', 2, [1], [2, 2, 2]],
    ['a batch fixed to 8', 8, [], [8]],
  ])('%s gives every sample its own prediction', async (_, batch, dims, batches) => {
    const unet = new FakeUnet(batch, dims)
    const denoiser = new Denoiser(stageOf(unet), latent)
    expect(await denoiser.predict({ samples, embeds, embedShape: [2, 2], timestep: 7 })).toEqual(wanted)
    expect(unet.batches).toEqual(batches)
  })

  test('large latents run in parts that memory allows', () => {
    const denoiser = new Denoiser(stageOf(new FakeUnet('batch', [])), { ...latent, height: 64, width: 64 })
    expect(denoiser.limit).toBe(4)
  })
})
