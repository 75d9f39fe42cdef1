import { describe, expect, test } from 'vitest'
import { createScheduler } from '../../../../src/core/schedulers'
import type { SchedulerConfig } from '../../../../src/core/contracts'
import { linearGuidance, linearSteps } from '../../../../src/runtime/generator/gpuLoop'

const flow: SchedulerConfig = {
  type: 'FlowMatchEulerDiscreteScheduler',
  predictionType: 'flow',
  numTrainTimesteps: 1000,
  shift: 3,
  numInferenceSteps: 8,
  guidanceScale: 3,
}
const diffusion: SchedulerConfig = {
  type: 'DDIMScheduler',
  predictionType: 'epsilon',
  numTrainTimesteps: 1000,
  betaStart: 0.00085,
  betaEnd: 0.012,
  betaSchedule: 'scaled_linear',
  timestepSpacing: 'leading',
  stepsOffset: 1,
  setAlphaToOne: false,
  clipSample: false,
  numInferenceSteps: 10,
  guidanceScale: 7.5,
}
const configs: [string, SchedulerConfig][] = [
  ['flow matching', flow],
  ['DDIM', diffusion],
  ['DDIM, v prediction', { ...diffusion, predictionType: 'v_prediction' }],
  ['Euler', { ...diffusion, type: 'EulerDiscreteScheduler' }],
]

describe("the GPU loop's coefficients", () => {
  test.each(configs)('%s: the affine steps give what the sampler gives', (_, config) => {
    const n = 7
    const scheduler = createScheduler(config, n)
    const steps = linearSteps(config, n)!
    let wanted: Float32Array = Float32Array.from([1.5, -0.3, 0.01]).map((x) => x * scheduler.initNoiseSigma)
    let got = wanted.slice()
    for (let i = 0; i < n; i++) {
      const { a, b, scale, timestep } = steps[i]!
      expect(timestep).toBe(scheduler.timesteps[i])
      const seen = scheduler.scaleModelInput(wanted, i)
      got.forEach((x, k) => expect(x * scale).toBeCloseTo(seen[k]!, 4))
      const prediction = seen.map((x, k) => Math.sin(3 * x + k))
      wanted = scheduler.step(prediction, i, wanted)
      got = got.map((x, k) => a * x + b * prediction[k]!)
    }
    got.forEach((x, k) => expect(x).toBeCloseTo(wanted[k]!, 3))
  })

  test.each([
    ['with memory', { ...diffusion, type: 'DPMSolverMultistepScheduler' as const }],
    ['with noise', { ...diffusion, type: 'EulerAncestralDiscreteScheduler' as const }],
    ['that clips', { ...diffusion, clipSample: true }],
  ])('a sampler %s goes through main memory', (_, config) => expect(linearSteps(config, 5)).toBeNull())

  test.each([
    [null, true],
    ['negative-prompt', true],
    ['safree', true],
    ['sld-weak', false],
    ['sld-max', false],
    ['safectrl', false],
  ] as const)('guidance %s is linear: %s', (method, expected) => {
    expect(linearGuidance(method && { kind: 'inference', method, concepts: ['x'] })).toBe(expected)
  })
})
