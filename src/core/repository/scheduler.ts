/** scheduler_config.json → the sampler of a manifest. What cannot be followed is said, never dropped in silence. */
import { SCHEDULER_TYPES, SpqrError, type SchedulerConfig, type SchedulerType } from '../contracts'
import type { SchedulerFile } from './configs'

/** Steps and guidance to sample with unless a run says otherwise; not part of any configuration file. */
export interface SamplingDefaults {
  numInferenceSteps: number
  guidanceScale: number
}

/** A sampler that is not built in, and the closest that is. */
const SUBSTITUTE: SchedulerType = 'DPMSolverMultistepScheduler'
const PREDICTIONS: Record<string, SchedulerConfig['predictionType']> = {
  epsilon: 'epsilon',
  v_prediction: 'v_prediction',
  sample: 'sample',
  flow_prediction: 'flow',
}
const BETAS = ['linear', 'scaled_linear', 'squaredcos_cap_v2'] as const
const SPACINGS = ['leading', 'linspace', 'trailing'] as const

/** Settings that change diffusers' pictures and are not followed here, with the value that changes nothing. */
const UNFOLLOWED: Record<string, unknown> = {
  trained_betas: null,
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
  rescale_betas_zero_snr: false,
  thresholding: false,
  solver_order: 2,
  algorithm_type: 'dpmsolver++',
  solver_type: 'midpoint',
  lower_order_final: true,
  euler_at_final: false,
  final_sigmas_type: 'zero',
  interpolation_type: 'linear',
  skip_prk_steps: true,
  use_dynamic_shifting: false,
}

const isOneOf = <T extends string>(list: readonly T[], value: string | undefined): value is T =>
  list.some((one) => one === value)

/** Stable Diffusion's own schedule, assumed where a repository has no scheduler configuration. */
export const ASSUMED_SCHEDULER: SchedulerFile = {
  _class_name: 'DDIMScheduler',
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  prediction_type: 'epsilon',
  set_alpha_to_one: false,
  clip_sample: false,
  steps_offset: 1,
}

/** Throws SOURCE_UNSUITABLE for a schedule or prediction of unknown kind; `notes` gets a sentence per deviation. */
export function deriveScheduler(file: SchedulerFile, defaults: SamplingDefaults, notes: string[]): SchedulerConfig {
  const bad = (field: string, value: unknown) =>
    new SpqrError(
      'SOURCE_UNSUITABLE',
      `The scheduler configuration has the unknown ${field} "${String(value)}".`,
      'Choose a model that diffusers samples with a built-in schedule.',
    )
  const {
    _class_name: name,
    prediction_type: prediction = 'epsilon',
    beta_schedule: betaSchedule,
    timestep_spacing: spacing,
  } = file
  const predictionType = PREDICTIONS[prediction]
  if (!predictionType) throw bad('prediction type', prediction)
  if (betaSchedule !== undefined && !isOneOf(BETAS, betaSchedule)) throw bad('beta schedule', betaSchedule)
  if (spacing !== undefined && !isOneOf(SPACINGS, spacing)) throw bad('timestep spacing', spacing)
  const type = isOneOf(SCHEDULER_TYPES, name) ? name : SUBSTITUTE
  if (type !== name) notes.push(`The model's own sampler ${name} is not built in; ${type} takes its place.`)
  const relevant =
    type === 'DPMSolverMultistepScheduler'
      ? Object.keys(UNFOLLOWED)
      : Object.keys(UNFOLLOWED).filter((key) => !/solver|final_sigmas|lower_order|algorithm|euler_at_final/.test(key))
  for (const key of relevant) {
    const value = file[key]
    if (value === undefined || value === UNFOLLOWED[key] || (key === 'skip_prk_steps' && type !== 'PNDMScheduler'))
      continue
    notes.push(
      `The sampler's setting ${key} = ${JSON.stringify(value)} is not followed; pictures differ from diffusers' with it.`,
    )
  }
  return {
    type,
    predictionType,
    numTrainTimesteps: file.num_train_timesteps,
    ...defaults,
    // Absent fields mean what they mean in diffusers for the class; Stable Diffusion's are always written.
    ...given('betaStart', file.beta_start),
    ...given('betaEnd', file.beta_end),
    ...given('betaSchedule', betaSchedule),
    ...given('timestepSpacing', spacing),
    ...given('stepsOffset', file.steps_offset),
    ...given('setAlphaToOne', file.set_alpha_to_one),
    ...given('clipSample', file.clip_sample),
    ...given('originalInferenceSteps', file.original_inference_steps),
  }
}

function given<Key extends string, Value>(key: Key, value: Value | undefined): Partial<Record<Key, Value>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, Value>)
}
