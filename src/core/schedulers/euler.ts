import type { SchedulerConfig } from '../contracts'
import { cleanForm } from './prediction'
import { blend, checkStep, type Scheduler } from './scheduler'
import { sigmaLevels, timestepsOf } from './sigmaSchedules'
import { checkStepCount, sigmasAt, sigmaSpaceTimesteps } from './spacing'
import { noiseToSignal, trainedAlphasCumprod } from './training'

/**
 * The σ-space of Karras et al. (NeurIPS 2022): x = x₀ + σ·noise. The model was trained on α·x with α = 1/√(σ² + 1),
 * so its input is scaled by α and the starting noise by about the first σ.
 */
export class SigmaSpace {
  readonly timesteps: Float32Array
  readonly initNoiseSigma: number
  readonly sigmas: Float32Array
  readonly #predictionType: SchedulerConfig['predictionType']

  constructor(config: SchedulerConfig, numInferenceSteps: number) {
    checkStepCount(numInferenceSteps, config.numTrainTimesteps, config.type)
    this.#predictionType = config.predictionType
    const trained = noiseToSignal(trainedAlphasCumprod(config))
    // Ancestral sampling has neither other levels nor another end in diffusers.
    const plain = config.type === 'EulerAncestralDiscreteScheduler'
    const visited = sigmaSpaceTimesteps(config, numInferenceSteps)
    this.sigmas = sigmasAt(visited, trained)
    this.timesteps = visited
    if (config.sigmaSchedule && !plain) {
      const [largest, smallest] = [this.sigmas[0] ?? 0, this.sigmas[numInferenceSteps - 1] ?? 0]
      const levels = sigmaLevels(
        config.sigmaSchedule,
        config.sigmaMax ?? largest,
        config.sigmaMin ?? smallest,
        numInferenceSteps,
      )
      this.sigmas = Float32Array.from([...levels, 0])
      this.timesteps = Float32Array.from(timestepsOf(levels, trained))
    }
    if (config.finalSigma === 'sigma_min' && !plain) this.sigmas[numInferenceSteps] = trained[0] ?? 0
    const largest = this.sigmas[0] ?? 0
    this.initNoiseSigma = config.timestepSpacing === 'leading' ? Math.sqrt(largest * largest + 1) : largest
  }

  scaleModelInput(sample: Float32Array, index: number): Float32Array {
    const sigma = this.sigmas[index] ?? 0
    return sample.map((value) => value / Math.sqrt(sigma * sigma + 1))
  }

  /** An Euler step from σ of `index` to `target`: x + (x − x₀)/σ·(target − σ). */
  euler(modelOutput: Float32Array, index: number, sample: Float32Array, target: number): Float32Array {
    const sigma = this.sigmas[index] ?? 0
    const alpha = 1 / Math.sqrt(sigma * sigma + 1)
    // The form is written for α·x, the model's view of the sample.
    const form = cleanForm(this.#predictionType, alpha, sigma * alpha)
    const clean = { sample: form.sample * alpha, output: form.output }
    const ratio = (target - sigma) / sigma
    return blend(1 + ratio * (1 - clean.sample), sample, -ratio * clean.output, modelOutput)
  }
}

/** Euler's method on the probability-flow ODE, as diffusers' EulerDiscreteScheduler without churn. */
export class Euler implements Scheduler {
  readonly timesteps: Float32Array
  readonly initNoiseSigma: number
  readonly usesNoise = false
  readonly #space: SigmaSpace

  constructor(config: SchedulerConfig, numInferenceSteps: number) {
    this.#space = new SigmaSpace(config, numInferenceSteps)
    this.timesteps = this.#space.timesteps
    this.initNoiseSigma = this.#space.initNoiseSigma
  }

  scaleModelInput(sample: Float32Array, index: number): Float32Array {
    return this.#space.scaleModelInput(sample, index)
  }

  step(modelOutput: Float32Array, index: number, sample: Float32Array): Float32Array {
    checkStep(this.timesteps.length, modelOutput, index, sample)
    return this.#space.euler(modelOutput, index, sample, this.#space.sigmas[index + 1] ?? 0)
  }
}
