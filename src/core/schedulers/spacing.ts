/** Which of the trained timesteps are visited (Lin et al., WACV 2024, table 2), from high to low. */
import { SpqrError, type SchedulerConfig } from '../contracts'
import { roundHalfEven } from '../exact'

/** `count` values from start to end, as numpy.linspace in float64. */
export function linspace(start: number, end: number, count: number): number[] {
  if (count === 1) return [start]
  const step = (end - start) / (count - 1)
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? end : start + i * step))
}

/** Refuses a number of steps that the schedule cannot give. */
export function checkStepCount(numInferenceSteps: number, most: number, type: SchedulerConfig['type']): void {
  if (Number.isInteger(numInferenceSteps) && numInferenceSteps >= 1 && numInferenceSteps <= most) return
  throw new SpqrError(
    'BAD_INPUT',
    `${type} was asked for ${numInferenceSteps} steps; 1 to ${most} are possible.`,
    'Choose a number of steps in that range.',
  )
}

/** ⌊T/n⌋·i + offset, descending. */
export function leadingTimesteps(count: number, ratio: number, offset: number): number[] {
  return Array.from({ length: count }, (_, i) => (count - 1 - i) * ratio + offset)
}

/** T − i·T/n − 1, rounded: begins at the last trained timestep. */
export function trailingTimesteps(numTrainTimesteps: number, count: number): number[] {
  const step = numTrainTimesteps - (numTrainTimesteps - numTrainTimesteps / count)
  return Array.from({ length: count }, (_, i) => roundHalfEven(numTrainTimesteps - i * step) - 1)
}

/** Trained timesteps, whole numbers (DDIM, PNDM). */
export function trainedTimesteps(config: SchedulerConfig, count: number): number[] {
  const last = config.numTrainTimesteps
  switch (config.timestepSpacing ?? 'leading') {
    case 'linspace':
      return linspace(0, last - 1, count)
        .map(roundHalfEven)
        .reverse()
    case 'leading':
      return leadingTimesteps(count, Math.floor(last / count), config.stepsOffset ?? 0)
    case 'trailing':
      return trailingTimesteps(last, count)
  }
}

/** Timesteps of the σ-space samplers (Euler, Euler ancestral); linspace keeps fractions. */
export function sigmaSpaceTimesteps(config: SchedulerConfig, count: number): Float32Array {
  const last = config.numTrainTimesteps
  switch (config.timestepSpacing ?? 'linspace') {
    case 'linspace':
      return Float32Array.from(linspace(0, last - 1, count).reverse())
    case 'leading':
      return Float32Array.from(leadingTimesteps(count, Math.floor(last / count), config.stepsOffset ?? 0))
    case 'trailing':
      return Float32Array.from(trailingTimesteps(last, count))
  }
}

/** σ at each (possibly fractional) timestep, linear between the trained ones, then 0; float32. */
export function sigmasAt(timesteps: Float32Array, trained: Float32Array): Float32Array {
  const sigmas = new Float32Array(timesteps.length + 1)
  timesteps.forEach((t, i) => {
    const low = Math.min(Math.floor(t), trained.length - 1)
    const high = Math.min(low + 1, trained.length - 1)
    const [from, to] = [trained[low] ?? 0, trained[high] ?? 0]
    sigmas[i] = from + (to - from) * (t - low)
  })
  return sigmas
}
