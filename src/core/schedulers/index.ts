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
  if (scheduler.timesteps.every(Number.isFinite) && Number.isFinite(scheduler.initNoiseSigma)) return scheduler
  throw new SpqrError(
    'BAD_INPUT',
    `The schedule of ${config.type} has a step that is no finite number.`,
    "Check the betas and sigmas in the model's scheduler configuration.",
  )
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
