/**
 * WebGPU in the same Chromium, through SwiftShader (a software adapter, about 30 times slower than WASM, hence the tiny
 * pack). Against WASM the largest difference of the latents must stay below 1e-3 and of the bytes within 2 of 255;
 * under SLD, whose mask switches elements on and off at a threshold, below 2e-2.
 */
import { proxy } from 'comlink'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ModelVariant, SamplerSpec } from '../../src/core/contracts'
import { loadJudge } from '../../src/runtime/judges/judgeLoading'
import facts from '../golden/tiny-pack/golden.json'
import { gpuCounts, type GpuCounts } from '../helpers/gpuCounts'
import { TINY_PACK, maxDifference, openParts, startEngine, type Parts } from '../helpers/engine'

const LIMIT = 300_000
const sampler: SamplerSpec = {
  scheduler: 'FlowMatchEulerDiscreteScheduler',
  numInferenceSteps: 2,
  guidanceScale: 3,
  noise: 'philox',
}
const variant: ModelVariant = { stage: 'base', step: null, alignment: null, fineTune: { kind: 'none' } }
const none = new AbortController().signal
const requests = facts.prompts.slice(0, 2).map((text, i) => ({ text, seed: facts.seeds[i]! }))

async function generate({ models }: Parts) {
  const steps: Float32Array[] = []
  const { pictures } = await models.pipeline.generate(requests, sampler, none, {
    onLatents: (latents) => {
      steps.push(latents.slice())
    },
  })
  return { steps, rgb: pictures.flatMap((picture) => (picture.status === 'made' ? [...picture.rgb] : [])) }
}

describe('WebGPU', () => {
  let wasm: Parts
  let webgpu: Parts

  beforeAll(async () => {
    wasm = await openParts(TINY_PACK, 'wasm')
    webgpu = await openParts(TINY_PACK, 'webgpu')
  }, LIMIT)

  test(
    'with tensors on the GPU between steps, agrees with WASM; twice the same to the bit',
    async () => {
      await wasm.models.prepare(variant, none)
      await webgpu.models.prepare(variant, none)
      const [expected, got, again] = [await generate(wasm), await generate(webgpu), await generate(webgpu)]
      expect(got.steps).toHaveLength(2)
      const latents = Math.max(...got.steps.map((step, i) => maxDifference(step, expected.steps[i]!)))
      const bytes = maxDifference(got.rgb, expected.rgb)
      console.log(`WebGPU against WASM: latents ${latents.toExponential(1)}, bytes ${bytes}`)
      expect(latents).toBeLessThan(1e-3)
      expect(bytes).toBeLessThanOrEqual(2)
      expect(again).toEqual(got)
    },
    LIMIT,
  )

  test(
    'a step is not read back: dispatches, command buffers, uploads and readbacks are bounded',
    async () => {
      await webgpu.models.prepare(variant, none)
      const draw = (numInferenceSteps: number): Promise<GpuCounts> =>
        gpuCounts(() => webgpu.models.pipeline.generate(requests, { ...sampler, numInferenceSteps }, none))
      // The first run of a shape compiles and allocates.
      await draw(1)
      const [one, two] = [await draw(1), await draw(2)]
      const step = (name: keyof GpuCounts): number => two[name] - one[name]
      const further = `${step('dispatches')} dispatches, ${step('commandBuffers')} command buffers, ${step('uploads')} uploads (${step('uploadedBytes')} bytes), ${step('readbacks')} readbacks`
      console.log(`WebGPU, a batch of 2 in one step: ${JSON.stringify(one)}; each further step: ${further}`)
      expect(step('readbacks')).toBe(0)
      // The latents, and the decoded pictures of the whole batch.
      expect(one.readbacks).toBeLessThanOrEqual(2)
      // As found: one more than the U-Net's kernels, each with its own settings; onnxruntime hands over sixteen at a time.
      expect(step('dispatches')).toBeLessThanOrEqual(255)
      expect(step('uploads')).toBeLessThanOrEqual(256)
      expect(step('uploadedBytes')).toBeLessThanOrEqual(17_000)
      expect(step('commandBuffers')).toBeLessThanOrEqual(18)
      expect(step('dispatches')).toBeGreaterThan(0)
    },
    LIMIT,
  )

  test(
    'guidance that is not linear goes through main memory and agrees as well',
    async () => {
      const guided: ModelVariant = {
        ...variant,
        stage: 'aligned',
        alignment: { kind: 'inference', method: 'sld-max', concepts: ['a red kite'] },
      }
      await wasm.models.prepare(guided, none)
      await webgpu.models.prepare(guided, none)
      const [expected, got] = [await generate(wasm), await generate(webgpu)]
      const latents = Math.max(...got.steps.map((step, i) => maxDifference(step, expected.steps[i]!)))
      console.log(`WebGPU against WASM under SLD: latents ${latents.toExponential(1)}`)
      expect(latents).toBeLessThan(2e-2)
    },
    LIMIT,
  )

  test(
    'sessions are created again after the last one was released',
    async () => {
      const judge = webgpu.manifest.judges.find((one) => one.kind === 'features')!
      const judged = async () => {
        const runner = await loadJudge({ ...webgpu, onEvent: () => undefined }, judge, none)
        const answers = await runner.judgeAll([
          { text: '', width: 16, height: 16, rgb: new Uint8Array(768).map((_, i) => i) },
        ])
        await runner.release()
        return answers
      }
      const before = await judged()
      await webgpu.models.release()
      expect(await judged()).toEqual(before)
    },
    LIMIT,
  )

  test(
    'in the worker: the adapter is recorded and a judge answers',
    async () => {
      const { engine, stop } = startEngine()
      try {
        const { environment } = await engine.open(
          TINY_PACK,
          { executionProvider: 'webgpu', threads: 1 },
          proxy(() => undefined),
        )
        expect(environment.executionProvider).toBe('webgpu')
        expect(environment.adapter).toMatch(/swiftshader|google/i)
        const [result] = await engine.judge([
          { unitId: 'a', text: 'a red kite', width: 16, height: 16, rgb: new Uint8Array(768).map((_, i) => i) },
        ])
        expect(result?.status).toBe('judged')
      } finally {
        stop()
      }
    },
    LIMIT,
  )

  // The last one: the device of this page is gone with it.
  test(
    'a device that is lost between pictures ends the run with its name, and no picture is made of nothing',
    async () => {
      await webgpu.models.prepare(variant, none)
      expect((await generate(webgpu)).rgb.length).toBeGreaterThan(0)
      const device = await webgpu.runtime.ort.env.webgpu.device
      device.destroy()
      await device.lost
      await expect(generate(webgpu)).rejects.toMatchObject({ code: 'DEVICE_LOST' })
    },
    LIMIT,
  )
})
