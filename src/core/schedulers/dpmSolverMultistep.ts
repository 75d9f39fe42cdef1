import { SpqrError, type SchedulerConfig } from '../contracts'
import { exactLog, roundHalfEven } from '../exact'
import { cleanForm } from './prediction'
import { limitClean } from './cleanLimits'
import { blend, checkStep, type Scheduler } from './scheduler'
import { sigmaLevels, timestepsOf } from './sigmaSchedules'
import { checkStepCount, leadingTimesteps, linspace, sigmasAt, trailingTimesteps } from './spacing'
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
  readonly #config: SchedulerConfig
  readonly #pictures: number
  readonly #levels: Level[]
  #last: { index: number; clean: Float32Array } | null = null

  constructor(config: SchedulerConfig, numInferenceSteps: number, pictures = 1) {
    checkStepCount(numInferenceSteps, config.numTrainTimesteps - 1, config.type)
    this.#config = config
    this.#pictures = pictures
    if (config.predictionType === 'flow') {
      const sigmas = flowSigmas(config, numInferenceSteps)
      this.#levels = [...Float32Array.from(sigmas), 0].map((sigma) => ({ alpha: 1 - sigma, sigma }))
      this.timesteps = Float32Array.from(sigmas, (sigma) => Math.trunc(sigma * config.numTrainTimesteps))
    } else {
      const trained = noiseToSignal(trainedAlphasCumprod(config))
      const { timesteps, sigmas } = solverLevels(config, numInferenceSteps, trained)
      this.timesteps = timesteps
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
    const form = cleanForm(this.#config.predictionType, now.alpha, now.sigma)
    const clean = blend(form.sample, sample, form.output, modelOutput)
    const previous = this.#last?.clean
    if (this.#config.thresholding) limitClean(this.#config, clean, this.#pictures, false)
    this.#last = { index, clean }
    // e^{−h} with h = λ′ − λ and λ = log(α/σ) is a ratio of noise to signal, so no exponential is needed.
    const gain = next.alpha * (1 - ratio(next) / ratio(now))
    const first = blend(next.sigma / now.sigma, sample, gain, clean)
    // diffusers' lower_order_final: the last step is of first order where it ends at 0 or there are few steps.
    const steps = this.timesteps.length
    const final = index === steps - 1 && (next.sigma === 0 || steps < 15)
    if (index === 0 || !previous || final) return first
    const before = this.#level(index - 1)
    const r = exactLog(ratio(before) / ratio(now)) / exactLog(ratio(now) / ratio(next))
    return blend(1, first, (0.5 * gain) / r, blend(1, clean, -1, previous))
  }

  #level(index: number): Level {
    return this.#levels[index] ?? { alpha: 1, sigma: 0 }
  }
}

const ratio = ({ alpha, sigma }: Level) => sigma / alpha

/** The trained levels at the visited timesteps, or those of another schedule between the trained ends. */
function solverLevels(config: SchedulerConfig, count: number, trained: Float32Array) {
  let timesteps = Float32Array.from(solverTimesteps(config, count))
  let sigmas = sigmasAt(timesteps, trained)
  const { sigmaSchedule: kind } = config
  if (kind) {
    const levels = sigmaLevels(kind, trained.at(-1) ?? 0, trained[0] ?? 0, count)
    const round = kind === 'karras' && config.betaSchedule !== 'squaredcos_cap_v2' ? roundHalfEven : Math.trunc
    timesteps = Float32Array.from(timestepsOf(levels, trained), round)
    sigmas = Float32Array.from([...levels, 0])
  }
  if (config.finalSigma === 'sigma_min') sigmas[count] = trained[0] ?? 0
  return { timesteps, sigmas }
}

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
