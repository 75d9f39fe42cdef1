import type { SchedulerConfig } from '../contracts'
import { cleanForm } from './prediction'
import { limitClean } from './cleanLimits'
import { blend, checkStep, requireNoise, type Scheduler } from './scheduler'
import { checkStepCount, linspace } from './spacing'
import { checkSignal, trainedAlphasCumprod } from './training'

const SIGMA_DATA = 0.5
const TIMESTEP_SCALING = 10
const ORIGINAL_STEPS = 50

/**
 * Multistep consistency sampling of latent consistency models (Luo et al., 2023, algorithm 3), as diffusers'
 * LCMScheduler: jump to x₀ = c_out·x̂₀ + c_skip·x, then noise again to the next timestep.
 */
export class Lcm implements Scheduler {
  readonly timesteps: Float32Array
  readonly initNoiseSigma = 1
  readonly usesNoise: boolean
  readonly #config: SchedulerConfig
  readonly #pictures: number
  readonly #alphasCumprod: Float32Array

  constructor(config: SchedulerConfig, numInferenceSteps: number, pictures = 1) {
    this.#pictures = pictures
    const original = config.originalInferenceSteps ?? ORIGINAL_STEPS
    checkStepCount(numInferenceSteps, original, config.type)
    this.#config = config
    this.#alphasCumprod = trainedAlphasCumprod(config)
    this.usesNoise = numInferenceSteps > 1
    const interval = Math.floor(config.numTrainTimesteps / original)
    // numpy.linspace(0, original, n, endpoint=False), floored: positions in the descending distillation schedule.
    const positions = linspace(0, original, numInferenceSteps + 1)
      .slice(0, -1)
      .map(Math.floor)
    this.timesteps = Float32Array.from(positions, (position) => (original - position) * interval - 1)
    checkSignal(config, this.timesteps, this.#alphasCumprod)
  }

  scaleModelInput(sample: Float32Array): Float32Array {
    return sample.slice()
  }

  step(modelOutput: Float32Array, index: number, sample: Float32Array, noise?: Float32Array): Float32Array {
    checkStep(this.timesteps.length, modelOutput, index, sample)
    const t = this.timesteps[index] ?? 0
    const alphaProd = this.#alphasCumprod[t] ?? 1
    const form = cleanForm(this.#config.predictionType, Math.sqrt(alphaProd), Math.sqrt(1 - alphaProd))
    const x0 = blend(form.sample, sample, form.output, modelOutput)
    limitClean(this.#config, x0, this.#pictures, false)
    const scaled = t * (this.#config.timestepScaling ?? TIMESTEP_SCALING)
    const skip = SIGMA_DATA ** 2 / (scaled ** 2 + SIGMA_DATA ** 2)
    const out = scaled / Math.sqrt(scaled ** 2 + SIGMA_DATA ** 2)
    const denoised = blend(out, x0, skip, sample)
    if (index === this.timesteps.length - 1) return denoised
    const next = this.#alphasCumprod[this.timesteps[index + 1] ?? 0] ?? 1
    return blend(Math.sqrt(next), denoised, Math.sqrt(1 - next), requireNoise(noise, sample.length, 'LCMScheduler'))
  }
}
