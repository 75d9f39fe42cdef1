import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { SCHEDULER_TYPES, type SchedulerConfig, type SchedulerType } from '../../../../src/core/contracts'
import { createScheduler } from '../../../../src/core/schedulers'
import { betaQuantile } from '../../../../src/core/schedulers/sigmaSchedules'

interface Case {
  config: Omit<SchedulerConfig, 'numInferenceSteps' | 'guidanceScale'>
  steps: number
  timesteps: number[]
  initNoiseSigma: number
  firstInput: number[]
  trajectory: number[][]
}
const golden = JSON.parse(
  readFileSync(new URL('../../../golden/schedulers/trajectories.json', import.meta.url), 'utf8'),
) as {
  tolerance: number
  pictures: number
  start: number[]
  bias: number[][]
  noise: number[][]
  cases: Case[]
}

/** Largest difference over the largest expected magnitude. */
function relativeGap(actual: ArrayLike<number>, expected: number[]): number {
  if (actual.length !== expected.length) return Infinity
  const size = Math.max(...expected.map(Math.abs), 1e-30)
  return Math.max(...expected.map((value, i) => Math.abs((actual[i] ?? NaN) - value))) / size
}
const make = (config: Case['config'], steps: number) =>
  createScheduler({ ...config, numInferenceSteps: steps, guidanceScale: 1 }, steps, golden.pictures)
const SETTINGS = /^(sigma|final|rescale|threshold|dynamic|sampleMax|clipSampleRange|timestepScaling|shiftTerminal)/
const settings = ({ config }: Case) =>
  Object.entries(config)
    .filter(([key]) => SETTINGS.test(key))
    .map(([key, value]) => `${key} ${value}`)
    .join(' ')
const title = (c: Case) =>
  `${c.config.type} ${c.config.predictionType} ${c.config.betaSchedule ?? ''} ${c.config.timestepSpacing ?? ''} shift ${c.config.shift ?? '-'} ${settings(c)}, ${c.steps} steps`

describe('every step equals diffusers', () => {
  test.each(golden.cases.map((c) => [title(c), c] as const))('%s', (_, c) => {
    const scheduler = make(c.config, c.steps)
    expect(relativeGap(scheduler.timesteps, c.timesteps)).toBeLessThanOrEqual(1e-6)
    expect(Math.abs(scheduler.initNoiseSigma / c.initNoiseSigma - 1)).toBeLessThan(1e-6)
    let sample = Float32Array.from(golden.start, (x) => x * scheduler.initNoiseSigma)
    c.trajectory.forEach((expected, k) => {
      const input = scheduler.scaleModelInput(sample, k)
      if (k === 0) expect(relativeGap(input, c.firstInput)).toBeLessThanOrEqual(golden.tolerance)
      const bias = golden.bias[k % golden.bias.length] ?? []
      const output = input.map((x, i) => (bias[i] ?? NaN) + 0.3 * x)
      const before = sample.slice()
      const next = scheduler.step(output, k, sample, Float32Array.from(golden.noise[k % golden.noise.length] ?? []))
      expect(sample, 'the sample given is left alone').toEqual(before)
      // At zero SNR the first σ is 4096: diffusers' own float32 difference of such numbers is that coarse.
      const coarse = c.config.rescaleBetasZeroSnr ? 2 ** -22 * Math.max(...sample.map(Math.abs)) : 0
      const size = Math.max(...expected.map(Math.abs), 1e-30)
      expect(relativeGap(next, expected), `step ${k}`).toBeLessThanOrEqual(golden.tolerance + coarse / size)
      // … and each later step starts from where diffusers is, so that this one rounding is not counted again.
      sample = coarse > 0 ? Float32Array.from(expected) : (next as Float32Array<ArrayBuffer>)
    })
  })

  test('covers every sampler', () => {
    expect(new Set(golden.cases.map((c) => c.config.type))).toEqual(new Set(SCHEDULER_TYPES))
  })
})

const trained = {
  betaStart: 0.00085,
  betaEnd: 0.012,
  betaSchedule: 'scaled_linear',
  numTrainTimesteps: 1000,
  clipSample: false,
} as const
const NOISY: SchedulerType[] = [
  'DDIMScheduler',
  'EulerDiscreteScheduler',
  'EulerAncestralDiscreteScheduler',
  'DPMSolverMultistepScheduler',
  'LCMScheduler',
]

test('quantiles of Beta(0.6, 0.6) are those of SciPy', () => {
  for (const [p, x] of [
    [0, 0],
    [0.1, 0.03958440558878085],
    [0.25, 0.17568037865269498],
    [0.5, 0.5],
    [0.9, 0.9604155944112192],
    [1, 1],
  ] as const)
    expect(betaQuantile(p)).toBeCloseTo(x, 12)
})

test('dynamic thresholding looks at each picture by itself', () => {
  const config = { ...trained, type: 'DDIMScheduler', predictionType: 'sample', thresholding: true } as const
  const x0 = Float32Array.of(0.5, -0.5, 8, -4)
  const alone = make({ ...config, sampleMaxValue: 10 }, 1).step(x0, 0, x0)
  const bound = createScheduler({ ...config, sampleMaxValue: 10, numInferenceSteps: 1, guidanceScale: 1 }, 1, 2).step(
    x0,
    0,
    x0,
  )
  expect(alone[0]).toBeCloseTo(bound[0]!, 5)
  const single = createScheduler({ ...config, sampleMaxValue: 10, numInferenceSteps: 1, guidanceScale: 1 }, 1, 1).step(
    x0,
    0,
    x0,
  )
  expect(Math.abs(single[0]! - bound[0]!)).toBeGreaterThan(0.1)
})

test.each(['DDIMScheduler', 'LCMScheduler'] as const)('%s refuses noise prediction at zero SNR', (type) => {
  expect(() =>
    make({ ...trained, type, predictionType: 'epsilon', timestepSpacing: 'trailing', rescaleBetasZeroSnr: true }, 4),
  ).toThrow(expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringMatching(/zero_snr/) as string }))
})

describe('properties', () => {
  test.each(NOISY)('%s steps alike from every way of predicting the same picture', (type) => {
    const noise = Float32Array.of(0.1, -0.4, 0.9)
    const run = (predictionType: 'epsilon' | 'v_prediction' | 'sample') => {
      const scheduler = make({ ...trained, type, predictionType }, 4)
      const x0 = [0.5, -0.25, 0.75]
      let sample = Float32Array.of(1, -2, 0.5).map((x) => x * scheduler.initNoiseSigma)
      const alphasCumprod = (t: number) => {
        let product = 1
        for (let i = 0; i <= t; i += 1)
          product *= 1 - (Math.sqrt(0.00085) + ((Math.sqrt(0.012) - Math.sqrt(0.00085)) * i) / 999) ** 2
        return product
      }
      for (let k = 0; k < 4; k += 1) {
        // Timesteps may be fractional in σ-space; there σ is interpolated, so take the level from the input scale.
        const input = scheduler.scaleModelInput(sample, k)
        const scale = (input[0] ?? 0) / (sample[0] ?? 1)
        const alpha = scale === 1 ? Math.sqrt(alphasCumprod(scheduler.timesteps[k] ?? 0)) : scale
        const sigma = Math.sqrt(1 - alpha * alpha)
        const epsilon = x0.map((value, i) => ((input[i] ?? 0) - alpha * value) / sigma)
        const output = { epsilon, sample: x0, v_prediction: epsilon.map((e, i) => alpha * e - sigma * (x0[i] ?? 0)) }[
          predictionType
        ]
        sample = scheduler.step(Float32Array.from(output), k, sample, noise) as Float32Array<ArrayBuffer>
      }
      return sample
    }
    const reference = [...run('sample')]
    expect(relativeGap(run('epsilon'), reference)).toBeLessThan(1e-3)
    expect(relativeGap(run('v_prediction'), reference)).toBeLessThan(1e-3)
  })

  test('carries noise exactly to the picture under a perfect flow', () => {
    const scheduler = make(
      {
        type: 'FlowMatchEulerDiscreteScheduler',
        predictionType: 'flow',
        numTrainTimesteps: 1000,
        timestepSpacing: 'trailing',
      },
      8,
    )
    expect([...scheduler.timesteps]).toEqual([1000, 875, 750, 625, 500, 375, 250, 125])
    const [noise, picture] = [Float32Array.of(1.5, -2), Float32Array.of(0.25, 0.5)]
    const velocity = noise.map((x, i) => x - (picture[i] ?? 0))
    let sample: Float32Array = noise
    for (let k = 0; k < 8; k += 1) sample = scheduler.step(velocity, k, sample)
    expect([...sample]).toEqual([...picture])
  })
})

describe('refusals', () => {
  const flow = { type: 'FlowMatchEulerDiscreteScheduler', predictionType: 'flow', numTrainTimesteps: 1000 } as const
  test('names what a configuration lacks or cannot do', () => {
    expect(() => make({ type: 'DDIMScheduler', predictionType: 'epsilon', numTrainTimesteps: 1000 }, 4)).toThrow(
      /betaStart/,
    )
    expect(() => make({ ...trained, type: 'DDIMScheduler', predictionType: 'flow' }, 4)).toThrow(/cannot sample a flow/)
    expect(() => make({ ...flow, predictionType: 'epsilon' }, 4)).toThrow(/predicts epsilon/)
    expect(() => make({ ...flow, timestepSpacing: 'leading' }, 4)).toThrow(/leading/)
    for (const steps of [0, 1001, 2.5, NaN]) expect(() => make(flow, steps)).toThrow(/steps; 1 to 1000/)
    expect(() => make({ ...trained, type: 'LCMScheduler', predictionType: 'epsilon' }, 51)).toThrow(/1 to 50/)
  })

  test('names a step that cannot be made', () => {
    const x = new Float32Array(4)
    expect(() => make(flow, 4).step(x, 4, x)).toThrow('step 4 was asked for, of 4')
    expect(() => make(flow, 4).step(new Float32Array(3), 0, x)).toThrow('3 values for a sample of 4')
    const ancestral = make({ ...trained, type: 'EulerAncestralDiscreteScheduler', predictionType: 'epsilon' }, 4)
    expect(ancestral.usesNoise).toBe(true)
    expect(() => ancestral.step(x, 0, x)).toThrow('no values for 4')
    const solver = make({ ...trained, type: 'DPMSolverMultistepScheduler', predictionType: 'epsilon' }, 4)
    expect(() => solver.step(x, 2, x)).toThrow('without step 1')
  })
})
