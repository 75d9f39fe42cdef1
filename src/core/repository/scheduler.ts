/** scheduler_config.json → the sampler of a manifest. What cannot be followed is said, never dropped in silence. */
import { SCHEDULER_TYPES, SpqrError, shortened, type SchedulerConfig, type SchedulerType } from '../contracts'
import type { SchedulerFile } from './configs'

/** Steps and guidance to sample with unless a run says otherwise; not part of any configuration file. */
export interface SamplingDefaults {
  numInferenceSteps: number
  guidanceScale: number
}

/** A sampler that is not built in, and the closest that is. */
const SUBSTITUTE: SchedulerType = 'DPMSolverMultistepScheduler'
const PREDICTIONS: ReadonlyMap<string, SchedulerConfig['predictionType']> = new Map([
  ['epsilon', 'epsilon'],
  ['v_prediction', 'v_prediction'],
  ['sample', 'sample'],
  ['flow_prediction', 'flow'],
])
const BETAS = ['linear', 'scaled_linear', 'squaredcos_cap_v2'] as const
const SPACINGS = ['leading', 'linspace', 'trailing'] as const

/** The betas of diffusers' classes where a configuration leaves them out. */
const PLAIN = { betaStart: 0.0001, betaEnd: 0.02, betaSchedule: 'linear' } as const
const STABLE_DIFFUSION = { betaStart: 0.00085, betaEnd: 0.012, betaSchedule: 'scaled_linear' } as const
const HEUN = { ...STABLE_DIFFUSION, betaSchedule: 'linear' } as const
/** Classes of the same kind of model that are not built in, with their betas. */
const REPLACEABLE: Record<string, typeof PLAIN | typeof STABLE_DIFFUSION | typeof HEUN> = {
  DDPMScheduler: PLAIN,
  DDPMParallelScheduler: PLAIN,
  DDIMParallelScheduler: PLAIN,
  DDIMInverseScheduler: PLAIN,
  DEISMultistepScheduler: PLAIN,
  DPMSolverSinglestepScheduler: PLAIN,
  LMSDiscreteScheduler: PLAIN,
  UniPCMultistepScheduler: PLAIN,
  SASolverScheduler: PLAIN,
  DPMSolverSDEScheduler: HEUN,
  HeunDiscreteScheduler: HEUN,
  KDPM2DiscreteScheduler: HEUN,
  KDPM2AncestralDiscreteScheduler: HEUN,
  TCDScheduler: STABLE_DIFFUSION,
}

/** Settings of each class that are not followed, with the values that change nothing. Others of diffusers' are. */
const UNFOLLOWED: Record<SchedulerType, Record<string, readonly unknown[]>> = {
  FlowMatchEulerDiscreteScheduler: {
    use_dynamic_shifting: [false],
    invert_sigmas: [false],
    stochastic_sampling: [false],
  },
  DDIMScheduler: { trained_betas: [] },
  LCMScheduler: { trained_betas: [] },
  PNDMScheduler: { trained_betas: [], skip_prk_steps: [true] },
  EulerDiscreteScheduler: { trained_betas: [], interpolation_type: ['linear'], timestep_type: ['discrete'] },
  EulerAncestralDiscreteScheduler: { trained_betas: [] },
  DPMSolverMultistepScheduler: {
    trained_betas: [],
    solver_order: [2],
    algorithm_type: ['dpmsolver++', 'deis'],
    solver_type: ['midpoint', 'logrho', 'bh1', 'bh2'],
    use_lu_lambdas: [false],
    lambda_min_clipped: [-Infinity],
    variance_type: [],
    use_dynamic_shifting: [false],
  },
}
/** Of the last solver step: they change nothing where σ ends at 0. */
const AT_SIGMA_MIN: Record<string, readonly unknown[]> = { lower_order_final: [true], euler_at_final: [false] }

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

const unsuitable = (what: string): SpqrError =>
  new SpqrError(
    'SOURCE_UNSUITABLE',
    `The scheduler configuration ${what}.`,
    'Choose a model that diffusers samples with a built-in schedule.',
  )

/**
 * The sampler of a model; `notes` gets a sentence per deviation.
 * @throws SpqrError SOURCE_UNSUITABLE for a schedule, prediction or setting that is not followed
 */
export function deriveScheduler(file: SchedulerFile, defaults: SamplingDefaults, notes: string[]): SchedulerConfig {
  const type = samplerOf(file, notes)
  const flowMatch = type === 'FlowMatchEulerDiscreteScheduler'
  const { prediction_type: prediction = 'epsilon', beta_schedule: betaSchedule, timestep_spacing: spacing } = file
  const predictionType = flowMatch ? 'flow' : PREDICTIONS.get(prediction)
  if (!predictionType) throw unsuitable(`has the unknown prediction type "${shortened(prediction)}"`)
  if (betaSchedule !== undefined && !isOneOf(BETAS, betaSchedule))
    throw unsuitable(`has the unknown beta schedule "${shortened(betaSchedule)}"`)
  if (spacing !== undefined && !isOneOf(SPACINGS, spacing))
    throw unsuitable(`has the unknown timestep spacing "${shortened(spacing)}"`)
  if (!flowMatch && (file.use_flow_sigmas ?? false) !== (predictionType === 'flow'))
    throw unsuitable('has use_flow_sigmas without prediction_type "flow_prediction", or the other way round')
  // A replaced sampler's own solver is gone with it, and the note says so.
  if (type === file._class_name) refuseUnfollowed(file, type)
  const shift = flowMatch ? file.shift : file.flow_shift
  return {
    type,
    predictionType,
    numTrainTimesteps: file.num_train_timesteps,
    ...defaults,
    // diffusers' flow sampler has its own spacing and leaves the field of other classes alone.
    ...(flowMatch ? {} : { ...given('timestepSpacing', spacing), ...given('stepsOffset', file.steps_offset) }),
    ...(predictionType === 'flow' ? given('shift', shift) : betasOf(file, betaSchedule)),
    ...given('setAlphaToOne', file.set_alpha_to_one),
    ...given('clipSample', file.clip_sample),
    ...given('originalInferenceSteps', file.original_inference_steps),
    ...settingsOf(file),
  }
}

function samplerOf(file: SchedulerFile, notes: string[]): SchedulerType {
  const { _class_name: name } = file
  if (isOneOf(SCHEDULER_TYPES, name)) return name
  // Samplers of other kinds of model (EDM, cascades) have no betas; nothing here can stand in for them.
  if (!Object.hasOwn(REPLACEABLE, name) && (file.beta_start === undefined || file.beta_end === undefined))
    throw unsuitable(`is for the sampler ${shortened(name)}, which is not built in`)
  notes.push(`The model's own sampler ${shortened(name)} is not built in; ${SUBSTITUTE} takes its place.`)
  return SUBSTITUTE
}

function refuseUnfollowed(file: SchedulerFile, type: SchedulerType): void {
  const rules = { ...UNFOLLOWED[type], ...(file.final_sigmas_type === 'sigma_min' ? AT_SIGMA_MIN : {}) }
  for (const [key, neutral] of Object.entries(rules)) {
    const value = file[key]
    // Only PNDM's default is one that is not followed.
    if ((value === undefined && key !== 'skip_prk_steps') || value === null || neutral.includes(value)) continue
    if (key === 'timestep_type' && file.prediction_type !== 'v_prediction') continue
    throw unsuitable(
      value === undefined
        ? `of ${type} leaves ${key} out, so that diffusers begins with Runge–Kutta steps, which are not followed here`
        : `of ${type} sets ${key} = ${String(JSON.stringify(value)).slice(0, 60)}, which is not followed here`,
    )
  }
}

/** Absent betas are those of the class in diffusers. */
function betasOf(file: SchedulerFile, betaSchedule: SchedulerConfig['betaSchedule']): Partial<SchedulerConfig> {
  const { _class_name: name } = file
  const own = name === 'LCMScheduler' ? STABLE_DIFFUSION : Object.hasOwn(REPLACEABLE, name) ? REPLACEABLE[name] : PLAIN
  return {
    ...(own ?? PLAIN),
    ...given('betaStart', file.beta_start),
    ...given('betaEnd', file.beta_end),
    ...given('betaSchedule', betaSchedule),
  }
}

/** What published small and distilled models set beside the schedule. Each sampler takes what is its own. */
function settingsOf(file: SchedulerFile): Partial<SchedulerConfig> {
  const kinds = (['karras', 'exponential', 'beta'] as const).filter((kind) => file[`use_${kind}_sigmas`] === true)
  if (kinds.length > 1) throw unsuitable(`asks for ${kinds.join(' and ')} sigmas at once`)
  if (kinds.length > 0 && file.use_flow_sigmas === true)
    throw unsuitable(`asks for flow and ${kinds[0]!} sigmas at once`)
  return {
    ...given('sigmaSchedule', kinds[0]),
    ...given('sigmaMin', file.sigma_min),
    ...given('sigmaMax', file.sigma_max),
    ...given('finalSigma', file.final_sigmas_type),
    ...given('rescaleBetasZeroSnr', file.rescale_betas_zero_snr),
    ...given('clipSampleRange', file.clip_sample_range),
    ...given('thresholding', file.thresholding),
    ...given('dynamicThresholdingRatio', file.dynamic_thresholding_ratio),
    ...given('sampleMaxValue', file.sample_max_value),
    ...given('timestepScaling', file.timestep_scaling),
    // diffusers reads 0 as "no stretching".
    ...given('shiftTerminal', file.shift_terminal === 0 ? null : file.shift_terminal),
  }
}

function given<Key extends string, Value>(key: Key, value: Value | null | undefined): Partial<Record<Key, Value>> {
  return value === undefined || value === null ? {} : ({ [key]: value } as Record<Key, Value>)
}
