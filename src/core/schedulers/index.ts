import { SpqrError, type SchedulerConfig } from '../contracts'
import { Ddim } from './ddim'
import { DpmSolverMultistep } from './dpmSolverMultistep'
import { Euler } from './euler'
import { EulerAncestral } from './eulerAncestral'
import { FlowMatchEuler } from './flowMatchEuler'
import { Lcm } from './lcm'
import { Pndm } from './pndm'
import type { Scheduler } from './scheduler'

export type { Scheduler } from './scheduler'

/**
 * The sampler of a configuration for `numInferenceSteps` steps; one for each batch, since some keep state.
 * Absent fields mean what they mean in diffusers for that class.
 * @param pictures how many of them a batch holds: thresholding looks at each by itself
 * @throws SpqrError BAD_INPUT or MANIFEST_INVALID for a configuration the sampler cannot follow
 */
export function createScheduler(config: SchedulerConfig, numInferenceSteps: number, pictures = 1): Scheduler {
  const scheduler = samplerOf(config, numInferenceSteps, pictures)
  const tried = TRIED.get(config) ?? new Set()
  if (!tried.has(numInferenceSteps)) {
    tryOut(config, numInferenceSteps, scheduler)
    TRIED.set(config, tried.add(numInferenceSteps))
  }
  return scheduler
}

/** Numbers of steps that a configuration was tried with. */
const TRIED = new WeakMap<SchedulerConfig, Set<number>>()
/** Samplers that look a timestep up; the others interpolate, as NumPy does, and stay at the ends. */
const LOOKS_UP: readonly SchedulerConfig['type'][] = ['DDIMScheduler', 'PNDMScheduler', 'LCMScheduler']

/** One number through every step: a schedule that no model can be sampled by is refused before the first picture. */
function tryOut(config: SchedulerConfig, numInferenceSteps: number, { timesteps, initNoiseSigma }: Scheduler): void {
  const trial = samplerOf(config, numInferenceSteps, 1)
  const noise = Float32Array.of(1)
  let sample = Float32Array.of(initNoiseSigma)
  for (const [i, t] of timesteps.entries()) {
    const known = !LOOKS_UP.includes(config.type) || (t >= 0 && t < config.numTrainTimesteps)
    const output = trial.scaleModelInput(sample, i).map((value) => value / 2)
    if (Number.isFinite(t) && known)
      sample = Float32Array.from(trial.step(output, i, sample, trial.usesNoise ? noise : undefined))
    if (Number.isFinite(t) && known && Number.isFinite(sample[0])) continue
    throw new SpqrError(
      'BAD_INPUT',
      known
        ? `The schedule of ${config.type} has a step that is no finite number.`
        : `The schedule of ${config.type} asks for timestep ${t} of a model that knows 0 to ${config.numTrainTimesteps - 1}.`,
      "Check the betas, sigmas and offset in the model's scheduler configuration.",
    )
  }
}

function samplerOf(config: SchedulerConfig, numInferenceSteps: number, pictures: number): Scheduler {
  switch (config.type) {
    case 'FlowMatchEulerDiscreteScheduler':
      return new FlowMatchEuler(config, numInferenceSteps)
    case 'DDIMScheduler':
      return new Ddim(config, numInferenceSteps, pictures)
    case 'EulerDiscreteScheduler':
      return new Euler(config, numInferenceSteps)
    case 'EulerAncestralDiscreteScheduler':
      return new EulerAncestral(config, numInferenceSteps)
    case 'DPMSolverMultistepScheduler':
      return new DpmSolverMultistep(config, numInferenceSteps, pictures)
    case 'PNDMScheduler':
      return new Pndm(config, numInferenceSteps)
    case 'LCMScheduler':
      return new Lcm(config, numInferenceSteps, pictures)
  }
}
