import { SpqrError, type SchedulerConfig } from '../contracts'
import { blend, checkStep, type Scheduler } from './scheduler'
import { checkStepCount, trainedTimesteps } from './spacing'
import { trainedAlphasCumprod } from './training'

/** Weights of the last predictions, newest first: Adams–Bashforth of order 1 to 4. */
const ADAMS_BASHFORTH = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
] as const

/**
 * Pseudo linear multistep sampling (Liu et al., ICLR 2022, algorithm 2 and eq. 9) as diffusers' PNDMScheduler with
 * `skip_prk_steps`, the scheduler that Stable Diffusion 1.x is published with. The second timestep is visited twice: its
 * prediction first corrects the first step (Heun), so n steps cost n + 1 predictions.
 */
export class Pndm implements Scheduler {
  readonly timesteps: Float32Array
  readonly initNoiseSigma = 1
  readonly usesNoise = false
  readonly #config: SchedulerConfig
  readonly #alphasCumprod: Float32Array
  readonly #ratio: number
  /** Predictions, newest first. */
  #history: Float32Array[] = []
  #first: Float32Array | null = null
  #next = 0

  constructor(config: SchedulerConfig, numInferenceSteps: number) {
    checkStepCount(numInferenceSteps, config.numTrainTimesteps, config.type)
    if (config.predictionType !== 'epsilon' && config.predictionType !== 'v_prediction') {
      throw new SpqrError(
        'BAD_INPUT',
        `${config.type} cannot sample a model that predicts ${config.predictionType}.`,
        'Choose another scheduler.',
      )
    }
    this.#config = config
    this.#alphasCumprod = trainedAlphasCumprod(config)
    this.#ratio = Math.floor(config.numTrainTimesteps / numInferenceSteps)
    const visited = trainedTimesteps(config, numInferenceSteps)
    this.timesteps = Float32Array.from(visited.length > 1 ? [visited[0]!, visited[1]!, ...visited.slice(1)] : visited)
  }

  scaleModelInput(sample: Float32Array): Float32Array {
    return sample.slice()
  }

  step(modelOutput: Float32Array, index: number, sample: Float32Array): Float32Array {
    checkStep(this.timesteps.length, modelOutput, index, sample)
    if (index !== this.#next)
      throw new SpqrError(
        'BAD_INPUT',
        `Sampler step ${index} came in the place of step ${this.#next}.`,
        'Make one scheduler for each batch.',
      )
    this.#next += 1
    const t = this.timesteps[index] ?? 0
    if (index === 1) {
      // The same step again from where it began, with the mean of the predictions at its two ends.
      const start = this.#first ?? sample
      this.#first = null
      return this.#transfer(start, t + this.#ratio, t, blend(0.5, modelOutput, 0.5, this.#history[0] ?? modelOutput))
    }
    this.#history = [modelOutput.slice(), ...this.#history.slice(0, 3)]
    if (index === 0) this.#first = sample.slice()
    const weights = ADAMS_BASHFORTH[this.#history.length - 1] ?? ADAMS_BASHFORTH[3]
    const prediction = new Float32Array(modelOutput.length)
    this.#history.forEach((output, k) =>
      output.forEach((value, i) => {
        prediction[i]! += weights[k]! * value
      }),
    )
    return this.#transfer(sample, t, t - this.#ratio, prediction)
  }

  /** Eq. 9: the deterministic step of DDIM from timestep t to `previous`. */
  #transfer(sample: Float32Array, t: number, previous: number, prediction: Float32Array): Float32Array {
    const now = this.#alphasCumprod[t] ?? 1
    const next =
      previous >= 0
        ? (this.#alphasCumprod[previous] ?? 1)
        : this.#config.setAlphaToOne
          ? 1
          : (this.#alphasCumprod[0] ?? 1)
    const noise =
      this.#config.predictionType === 'epsilon'
        ? prediction
        : blend(Math.sqrt(now), prediction, Math.sqrt(1 - now), sample)
    const scale = now * Math.sqrt(1 - next) + Math.sqrt(now * (1 - now) * next)
    return blend(Math.sqrt(next / now), sample, -(next - now) / scale, noise)
  }
}
