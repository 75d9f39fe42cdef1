import { SpqrError, type SchedulerConfig } from '../contracts'
import { exactLog } from '../random'
import { cleanForm } from './prediction'
import { blend, checkStep, type Scheduler } from './scheduler'
import { checkStepCount, leadingTimesteps, linspace, roundHalfEven, sigmasAt, trailingTimesteps } from './spacing'
import { noiseToSignal, trainedAlphasCumprod } from './training'

/** One noise level: x = α·x₀ + σ·noise. */
interface Level {
  alpha: number
  sigma: number
}

/**
 * DPM-Solver++(2M), midpoint form (Lu et al., 2022, algorithm 2), as diffusers' DPMSolverMultistepScheduler with its
 * defaults: first order at the first and the last step, σ = 0 at the end. For `flow` models the σ of rectified flow
 * (`use_flow_sigmas`, `flow_shift` = shift).
 */
export class DpmSolverMultistep implements Scheduler {
  readonly timesteps: Float32Array
  readonly initNoiseSigma = 1
  readonly usesNoise = false
  readonly #predictionType: SchedulerConfig['predictionType']
  readonly #levels: Level[]
  #last: { index: number; clean: Float32Array } | null = null

  constructor(config: SchedulerConfig, numInferenceSteps: number) {
    checkStepCount(numInferenceSteps, config.numTrainTimesteps - 1, config.type)
    this.#predictionType = config.predictionType
    if (config.predictionType === 'flow') {
      const sigmas = flowSigmas(config, numInferenceSteps)
      this.#levels = [...Float32Array.from(sigmas), 0].map((sigma) => ({ alpha: 1 - sigma, sigma }))
      this.timesteps = Float32Array.from(sigmas, (sigma) => Math.trunc(sigma * config.numTrainTimesteps))
    } else {
      this.timesteps = Float32Array.from(solverTimesteps(config, numInferenceSteps))
      const sigmas = sigmasAt(this.timesteps, noiseToSignal(trainedAlphasCumprod(config)))
      this.#levels = [...sigmas].map((sigma) => {
        const alpha = 1 / Math.sqrt(sigma * sigma + 1)
        return { alpha, sigma: sigma * alpha }
      })
    }
  }

  scaleModelInput(sample: Float32Array): Float32Array {
    return sample.slice()
  }

  step(modelOutput: Float32Array, index: number, sample: Float32Array): Float32Array {
    checkStep(this.timesteps.length, modelOutput, index, sample)
    if (index > 0 && this.#last?.index !== index - 1) {
      throw new SpqrError(
        'BAD_INPUT',
        `Sampler step ${index} came without step ${index - 1} before it.`,
        'Make one scheduler for each batch.',
      )
    }
    const [now, next] = [this.#level(index), this.#level(index + 1)]
    const form = cleanForm(this.#predictionType, now.alpha, now.sigma)
    const clean = blend(form.sample, sample, form.output, modelOutput)
    const previous = this.#last?.clean
    this.#last = { index, clean }
    // e^{−h} with h = λ′ − λ and λ = log(α/σ) is a ratio of noise to signal, so no exponential is needed.
    const gain = next.alpha * (1 - ratio(next) / ratio(now))
    const first = blend(next.sigma / now.sigma, sample, gain, clean)
    if (index === 0 || !previous || index === this.timesteps.length - 1) return first
    const before = this.#level(index - 1)
    const r = exactLog(ratio(before) / ratio(now)) / exactLog(ratio(now) / ratio(next))
    return blend(1, first, (0.5 * gain) / r, blend(1, clean, -1, previous))
  }

  #level(index: number): Level {
    return this.#levels[index] ?? { alpha: 1, sigma: 0 }
  }
}

const ratio = ({ alpha, sigma }: Level) => sigma / alpha

/** As diffusers: one more point than steps, the lowest left out. */
function solverTimesteps(config: SchedulerConfig, count: number): number[] {
  const last = config.numTrainTimesteps
  switch (config.timestepSpacing ?? 'linspace') {
    case 'linspace':
      return linspace(0, last - 1, count + 1)
        .map(roundHalfEven)
        .reverse()
        .slice(0, -1)
    case 'leading':
      return leadingTimesteps(count + 1, Math.floor(last / (count + 1)), config.stepsOffset ?? 0).slice(0, -1)
    case 'trailing':
      return trailingTimesteps(last, count)
  }
}

function flowSigmas(config: SchedulerConfig, count: number): number[] {
  const shift = config.shift ?? 1
  const sigmas = linspace(1, 1 / config.numTrainTimesteps, count + 1).map((alpha) => 1 - alpha)
  return sigmas
    .map((sigma) => (shift * sigma) / (1 + (shift - 1) * sigma))
    .reverse()
    .slice(0, -1)
}
