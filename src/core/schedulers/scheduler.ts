import { SpqrError, type SchedulerConfig } from '../contracts'

/**
 * A sampler in diffusers' terms, for one batch: `step` takes sample t to the next and must be called with index 0,
 * 1, 2 … in turn. Arrays are whole batches, any shape, flattened; every call returns a new array.
 */
export interface Scheduler {
  /** What the model is told at each step, from noise to picture. */
  readonly timesteps: Float32Array
  /** The starting noise is multiplied by this. */
  readonly initNoiseSigma: number
  /** Whether `step` needs fresh standard normal noise, as long as the sample. */
  readonly usesNoise: boolean
  /** The model's input at step `index`. */
  scaleModelInput(sample: Float32Array, index: number): Float32Array
  /** The next sample from the model's output at step `index`. Noise may be left out where none is added. */
  step(modelOutput: Float32Array, index: number, sample: Float32Array, noise?: Float32Array): Float32Array
}

/** Refuses a step that cannot be made: wrong index or lengths that differ. */
export function checkStep(steps: number, modelOutput: Float32Array, index: number, sample: Float32Array): void {
  if (!Number.isInteger(index) || index < 0 || index >= steps) {
    throw new SpqrError('BAD_INPUT', `Sampler step ${index} was asked for, of ${steps} steps.`)
  }
  if (modelOutput.length !== sample.length) {
    throw new SpqrError(
      'BAD_INPUT',
      `The model gave ${modelOutput.length} values for a sample of ${sample.length}.`,
      'Check the latent shape in the manifest.',
    )
  }
}

/** The noise of a step that adds some; refuses when it is absent or too short. */
export function requireNoise(
  noise: Float32Array | undefined,
  length: number,
  type: SchedulerConfig['type'],
): Float32Array {
  if (noise?.length === length) return noise
  const given = noise ? noise.length : 'no'
  throw new SpqrError('BAD_INPUT', `${type} adds noise at every step and was given ${given} values for ${length}.`)
}

/** first·x + second·y, elementwise, rounded to float32. */
export function blend(first: number, x: Float32Array, second: number, y: Float32Array): Float32Array {
  const result = new Float32Array(x.length)
  for (let i = 0; i < x.length; i += 1) result[i] = first * (x[i] ?? 0) + second * (y[i] ?? 0)
  return result
}
