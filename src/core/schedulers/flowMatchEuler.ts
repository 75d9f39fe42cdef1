import { SpqrError, type SchedulerConfig } from '../contracts'
import { blend, checkStep, type Scheduler } from './scheduler'
import { sigmaLevels } from './sigmaSchedules'
import { checkStepCount, linspace } from './spacing'

/**
 * Euler steps of rectified flow (Liu et al., ICLR 2023; Esser et al., ICML 2024): x ← x + (σ′ − σ)·v with σ from 1
 * to 0, timestep 1000σ. As FlowMatchEulerDiscreteScheduler of diffusers, whose own spacing (`linspace`, the default
 * here too) ends at σ = 1/1000 before 0; `trailing` spaces σ = 1, 1 − 1/n … 1/n evenly, as its Flux pipeline passes.
 * `shift` s moves σ to s·σ/(1 + (s − 1)·σ).
 */
export class FlowMatchEuler implements Scheduler {
  readonly timesteps: Float32Array
  readonly initNoiseSigma = 1
  readonly usesNoise = false
  readonly #sigmas: Float32Array

  constructor(config: SchedulerConfig, numInferenceSteps: number) {
    const { numTrainTimesteps, predictionType, type, timestepSpacing = 'linspace', shift = 1, shiftTerminal } = config
    checkStepCount(numInferenceSteps, numTrainTimesteps, type)
    if (predictionType !== 'flow') {
      throw new SpqrError(
        'BAD_INPUT',
        `${type} samples flow-matching models, and this model predicts ${predictionType}.`,
        'Choose another scheduler.',
      )
    }
    if (timestepSpacing === 'leading') {
      throw new SpqrError('BAD_INPUT', `${type} has no leading timestep spacing.`, 'Use linspace or trailing.')
    }
    const shifted = (sigma: number) => (shift * sigma) / (1 + (shift - 1) * sigma)
    const lowest = timestepSpacing === 'trailing' ? 1 / numInferenceSteps : shifted(Math.fround(1 / numTrainTimesteps))
    let sigmas = linspace(1, lowest, numInferenceSteps).map(shifted)
    if (shiftTerminal !== undefined) sigmas = stretch(sigmas, shiftTerminal)
    if (config.sigmaSchedule)
      sigmas = sigmaLevels(config.sigmaSchedule, sigmas[0] ?? 1, sigmas.at(-1) ?? lowest, numInferenceSteps)
    this.#sigmas = Float32Array.from([...sigmas, 0])
    this.timesteps = this.#sigmas.slice(0, numInferenceSteps).map((sigma) => sigma * numTrainTimesteps)
  }

  scaleModelInput(sample: Float32Array): Float32Array {
    return sample.slice()
  }

  step(modelOutput: Float32Array, index: number, sample: Float32Array): Float32Array {
    checkStep(this.timesteps.length, modelOutput, index, sample)
    return blend(1, sample, (this.#sigmas[index + 1] ?? 0) - (this.#sigmas[index] ?? 0), modelOutput)
  }
}

/** Stretches 1 − σ so that the last level is `terminal`. */
function stretch(sigmas: readonly number[], terminal: number): number[] {
  const factor = (1 - (sigmas.at(-1) ?? 0)) / (1 - terminal)
  // A single step has nothing to stretch; diffusers divides by 0 there.
  return factor === 0 ? [...sigmas] : sigmas.map((sigma) => 1 - (1 - sigma) / factor)
}
