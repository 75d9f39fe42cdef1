import type { SchedulerConfig } from '../contracts'
import { cleanForm } from './prediction'
import { limitClean } from './cleanLimits'
import { blend, checkStep, type Scheduler } from './scheduler'
import { checkStepCount, trainedTimesteps } from './spacing'
import { checkSignal, trainedAlphasCumprod } from './training'

/**
 * DDIM with η = 0 (Song et al., ICLR 2021, eq. 12), as diffusers' DDIMScheduler: x₀ and ε from the model's output,
 * then x′ = √ᾱ′·x₀ + √(1 − ᾱ′)·ε. `clipSample` (default true, as there) holds x₀ in [−1, 1], or thresholding in its own range.
 */
export class Ddim implements Scheduler {
  readonly timesteps: Float32Array
  readonly initNoiseSigma = 1
  readonly usesNoise = false
  readonly #config: SchedulerConfig
  readonly #pictures: number
  readonly #alphasCumprod: Float32Array

  constructor(config: SchedulerConfig, numInferenceSteps: number, pictures = 1) {
    this.#pictures = pictures
    checkStepCount(numInferenceSteps, config.numTrainTimesteps, config.type)
    this.#config = config
    this.#alphasCumprod = trainedAlphasCumprod(config)
    this.timesteps = Float32Array.from(trainedTimesteps(config, numInferenceSteps))
    checkSignal(config, this.timesteps, this.#alphasCumprod)
  }

  scaleModelInput(sample: Float32Array): Float32Array {
    return sample.slice()
  }

  step(modelOutput: Float32Array, index: number, sample: Float32Array): Float32Array {
    checkStep(this.timesteps.length, modelOutput, index, sample)
    const { predictionType, numTrainTimesteps, setAlphaToOne = true } = this.#config
    const t = this.timesteps[index] ?? 0
    const previous = t - Math.floor(numTrainTimesteps / this.timesteps.length)
    const alphaProd = this.#alphasCumprod[t] ?? 1
    const final = setAlphaToOne ? 1 : (this.#alphasCumprod[0] ?? 1)
    const alphaProdPrevious = previous >= 0 ? (this.#alphasCumprod[previous] ?? 1) : final
    const [alpha, sigma] = [Math.sqrt(alphaProd), Math.sqrt(1 - alphaProd)]
    const clean = cleanForm(predictionType, alpha, sigma)
    // ε = (x − α·x₀)/σ, from the unclipped x₀ as diffusers has it.
    const noise = { sample: (1 - alpha * clean.sample) / sigma, output: (-alpha * clean.output) / sigma }
    const [toClean, toNoise] = [Math.sqrt(alphaProdPrevious), Math.sqrt(1 - alphaProdPrevious)]
    const x0 = blend(clean.sample, sample, clean.output, modelOutput)
    limitClean(this.#config, x0, this.#pictures, true)
    return blend(toClean, x0, toNoise, blend(noise.sample, sample, noise.output, modelOutput))
  }
}
