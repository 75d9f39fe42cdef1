/** What the U-Net is given at every step under a guard that redirects embeddings, and the decoder for one picture. */
import { expect, test } from 'vitest'
import type { DiffusionModel } from '../../../../src/core/contracts'
import { Redirector } from '../../../../src/core/guidance'
import { writeSafetensors, readSafetensors, type TensorInput } from '../../../../src/core/adapters'
import type { Denoiser, DenoiserInput } from '../../../../src/runtime/generator/denoiser'
import { Pipeline } from '../../../../src/runtime/generator/pipeline'
import type { Stage } from '../../../../src/runtime/generator/stage'
import type { TextEncoder } from '../../../../src/runtime/generator/text'

const model = {
  latent: { channels: 1, height: 1, width: 2, scalingFactor: 1, shiftFactor: 0 },
  image: { height: 1, width: 1 },
  scheduler: {
    type: 'FlowMatchEulerDiscreteScheduler',
    predictionType: 'flow',
    numTrainTimesteps: 1000,
    shift: 1,
    timestepSpacing: 'trailing',
  },
} as unknown as DiffusionModel
const sampler = {
  scheduler: 'FlowMatchEulerDiscreteScheduler',
  numInferenceSteps: 4,
  guidanceScale: 3,
  noise: 'philox',
} as never

/** A network that always moves a token by s·α·m = 1.5/4 of its length along its first number, or never. */
function network(unsafe: boolean): Redirector {
  const layer = (rows: number, columns: number, bias: readonly number[] = []): [TensorInput, TensorInput] => [
    { dtype: 'F32', shape: [rows, columns], data: new Float32Array(rows * columns) },
    { dtype: 'F32', shape: [rows], data: Float32Array.from({ length: rows }, (_, i) => bias[i] ?? 0) },
  ]
  const layers = {
    ...{ latent: layer(1, 2), time: layer(1, 2), query: layer(1, 2), key: layer(1, 2), value: layer(1, 2) },
    ...{ verdict_in: layer(1, 3), verdict: layer(2, 1, [0, unsafe ? 1 : -1]), token: layer(1, 5) },
    ...{ delta: layer(2, 1, [1, 0]), mask: layer(1, 1), alpha: layer(1, 3) },
  }
  const tensors = Object.entries(layers).flatMap(([name, [weight, bias]]): [string, TensorInput][] => [
    [`${name}.weight`, weight],
    [`${name}.bias`, bias],
  ])
  return Redirector.read(readSafetensors(writeSafetensors(new Map(tensors), { scale: '1.5' })))
}

const text = {
  shape: [1, 2],
  stage: { release: () => Promise.resolve() },
  embed: (texts: readonly string[]) =>
    Promise.resolve(texts.map((one) => (one === '' ? Float32Array.of(1, 1) : Float32Array.of(3, 4)))),
} as unknown as TextEncoder

/** Embeddings that the U-Net was given, step by step: [unconditional, conditional]. */
async function given(redirector: Redirector | null): Promise<number[][][]> {
  const steps: number[][][] = []
  const denoiser = {
    conditionWidth: null,
    stage: { graph: () => Promise.resolve(null), release: () => Promise.resolve() },
    predict: ({ embeds, samples }: DenoiserInput) => {
      steps.push(embeds.map((embed) => [...embed]))
      return Promise.resolve(new Float32Array(samples.length))
    },
  } as unknown as Denoiser
  const decoder = {
    ports: { inputs: [] },
    release: () => Promise.resolve(),
    sure: () => Promise.resolve([]),
  } as unknown as Stage
  const pipeline = new Pipeline(model, text, denoiser, decoder, null, { redirector })
  await pipeline.generate([{ text: 'a', seed: 0 }], sampler)
  return steps
}

test('the prompt is moved at every step, and the empty prompt is not', async () => {
  const steps = await given(network(true))
  expect(steps).toHaveLength(4)
  for (const [empty, prompt] of steps) {
    expect(empty).toEqual([1, 1])
    expect(prompt).toEqual([3 + 1.5 * 0.25 * 5, 4])
  }
})

test('a network that finds nothing forbidden gives the same as none', async () => {
  expect(await given(network(false))).toEqual(await given(null))
})

/** Rows of latents that a decoder was given for so many pictures of `side` pixels a side; `batch`: as its graph says. */
async function decoded(pictures: number, side: number, batch: string | number): Promise<number[][]> {
  const rows: number[][] = []
  const denoiser = {
    conditionWidth: null,
    stage: { graph: () => Promise.resolve(null), release: () => Promise.resolve() },
    predict: ({ samples }: DenoiserInput) => Promise.resolve(new Float32Array(samples.length)),
  } as unknown as Denoiser
  const graph = {
    run: ({ latents }: { latents: { data: Float32Array; dims: readonly number[] } }) => {
      const [count = 0] = latents.dims
      rows.push([...latents.data])
      return Promise.resolve({ sample: { data: new Float32Array(count * 3 * side * side), dims: [count] } })
    },
  }
  const decoder = {
    ports: { inputs: [{ name: 'latents', dims: [batch, 1, 1, 2] }] },
    release: () => Promise.resolve(),
    sure: (run: (given: typeof graph) => unknown) => run(graph),
  } as unknown as Stage
  const pipeline = new Pipeline({ ...model, image: { height: side, width: side } }, text, denoiser, decoder, null)
  const requests = Array.from({ length: pictures }, (_, seed) => ({ text: 'a', seed }))
  const made = await pipeline.generate(requests, sampler)
  expect(made.pictures).toHaveLength(pictures)
  return rows
}

test('latents alone are decoded beside a copy of themselves, where memory allows two', async () => {
  const [[a, b, ...more] = []] = await decoded(1, 8, 'batch')
  expect(more).toEqual([a, b])
  expect((await decoded(3, 8, 'batch')).map(({ length }) => length)).toEqual([6])
  expect((await decoded(2, 512, 'batch')).map(({ length }) => length)).toEqual([2, 2])
  expect((await decoded(3, 8, 2)).map(({ length }) => length)).toEqual([4, 4])
})
