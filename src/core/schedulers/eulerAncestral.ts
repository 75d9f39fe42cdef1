import type { SchedulerConfig } from '../contracts'
import { SigmaSpace } from './euler'
import { blend, checkStep, requireNoise, type Scheduler } from './scheduler'

/**
 * Ancestral sampling with Euler steps, as diffusers' EulerAncestralDiscreteScheduler (k-diffusion's
 * sample_euler_ancestral, η = 1): step down to σ_down, then add noise of σ_up, with σ_down² + σ_up² = σ′².
 */
export class EulerAncestral implements Scheduler {
  readonly timesteps: Float32Array
  readonly initNoiseSigma: number
  readonly usesNoise: boolean
  readonly #space: SigmaSpace

  constructor(config: SchedulerConfig, numInferenceSteps: number) {
    this.#space = new SigmaSpace(config, numInferenceSteps)
    this.timesteps = this.#space.timesteps
    this.initNoiseSigma = this.#space.initNoiseSigma
    this.usesNoise = numInferenceSteps > 1
  }

  scaleModelInput(sample: Float32Array, index: number): Float32Array {
    return this.#space.scaleModelInput(sample, index)
  }

  step(modelOutput: Float32Array, index: number, sample: Float32Array, noise?: Float32Array): Float32Array {
    checkStep(this.timesteps.length, modelOutput, index, sample)
    const [from, to] = [this.#space.sigmas[index] ?? 0, this.#space.sigmas[index + 1] ?? 0]
    const up = Math.sqrt((to ** 2 * (from ** 2 - to ** 2)) / from ** 2)
    const down = Math.sqrt(to ** 2 - up ** 2)
    const next = this.#space.euler(modelOutput, index, sample, down)
    return up === 0 ? next : blend(1, next, up, requireNoise(noise, sample.length, 'EulerAncestralDiscreteScheduler'))
  }
}
