/** scheduler_config.json → sampler: every setting is followed, or refused by name. */
import { expect, test } from 'vitest'
import { readConfig, SchedulerFileSchema } from '../../../../src/core/repository/configs'
import { deriveScheduler } from '../../../../src/core/repository/scheduler'
import { createScheduler } from '../../../../src/core/schedulers'

const defaults = { numInferenceSteps: 4, guidanceScale: 1 }
function derive(fields: Record<string, unknown> | string) {
  const notes: string[] = []
  const text = typeof fields === 'string' ? fields : JSON.stringify(fields)
  const file = readConfig(SchedulerFileSchema, 'scheduler_config.json', text)
  const config = deriveScheduler(file, defaults, notes)
  createScheduler(config, 4)
  return { config, notes }
}

test.each([
  ['EulerDiscreteScheduler', { use_karras_sigmas: true }, { sigmaSchedule: 'karras' }],
  ['DPMSolverMultistepScheduler', { use_exponential_sigmas: true }, { sigmaSchedule: 'exponential' }],
  [
    'FlowMatchEulerDiscreteScheduler',
    { use_beta_sigmas: true, shift: 3 },
    { sigmaSchedule: 'beta', shift: 3, predictionType: 'flow' },
  ],
  ['FlowMatchEulerDiscreteScheduler', { shift_terminal: 0.1 }, { shiftTerminal: 0.1 }],
  [
    'EulerDiscreteScheduler',
    { sigma_min: 0.1, sigma_max: 9, final_sigmas_type: 'sigma_min' },
    { sigmaMin: 0.1, sigmaMax: 9, finalSigma: 'sigma_min' },
  ],
  [
    'DDIMScheduler',
    { rescale_betas_zero_snr: true, prediction_type: 'v_prediction', timestep_spacing: 'trailing' },
    { rescaleBetasZeroSnr: true },
  ],
  ['DDIMScheduler', { clip_sample_range: 2.5 }, { clipSampleRange: 2.5 }],
  [
    'DDIMScheduler',
    { thresholding: true, dynamic_thresholding_ratio: 0.9, sample_max_value: 2 },
    { thresholding: true, dynamicThresholdingRatio: 0.9, sampleMaxValue: 2 },
  ],
  [
    'LCMScheduler',
    { timestep_scaling: 1 },
    { timestepScaling: 1, betaStart: 0.00085, betaEnd: 0.012, betaSchedule: 'scaled_linear' },
  ],
  [
    'DPMSolverMultistepScheduler',
    { use_flow_sigmas: true, prediction_type: 'flow_prediction', flow_shift: 3 },
    { predictionType: 'flow', shift: 3 },
  ],
  ['DDIMScheduler', {}, { betaStart: 0.0001, betaEnd: 0.02, betaSchedule: 'linear' }],
  [
    'HeunDiscreteScheduler',
    { use_karras_sigmas: true },
    { type: 'DPMSolverMultistepScheduler', sigmaSchedule: 'karras', betaStart: 0.00085, betaSchedule: 'linear' },
  ],
])('%s follows %j', (name, fields, expected) => {
  const { config, notes } = derive({ _class_name: name, ...fields })
  expect(config).toMatchObject(expected)
  expect(notes).toHaveLength(name === 'HeunDiscreteScheduler' ? 1 : 0)
})

test.each([
  ['PNDMScheduler', {}, /skip_prk_steps/],
  ['PNDMScheduler', { skip_prk_steps: false }, /skip_prk_steps/],
  ['DDIMScheduler', { trained_betas: [0.1, 0.2] }, /trained_betas/],
  ['EulerDiscreteScheduler', { timestep_type: 'continuous', prediction_type: 'v_prediction' }, /timestep_type/],
  ['EulerDiscreteScheduler', { interpolation_type: 'log_linear' }, /interpolation_type/],
  ['EulerDiscreteScheduler', { use_karras_sigmas: true, use_beta_sigmas: true }, /karras and beta/],
  ['DPMSolverMultistepScheduler', { use_lu_lambdas: true }, /use_lu_lambdas/],
  ['DPMSolverMultistepScheduler', { lambda_min_clipped: -5.1 }, /lambda_min_clipped/],
  ['DPMSolverMultistepScheduler', { solver_order: 3 }, /solver_order/],
  ['DPMSolverMultistepScheduler', { algorithm_type: 'sde-dpmsolver++' }, /algorithm_type/],
  ['DPMSolverMultistepScheduler', { final_sigmas_type: 'sigma_min', euler_at_final: true }, /euler_at_final/],
  ['DPMSolverMultistepScheduler', { use_flow_sigmas: true }, /use_flow_sigmas/],
  ['FlowMatchEulerDiscreteScheduler', { use_dynamic_shifting: true }, /use_dynamic_shifting/],
  ['FlowMatchEulerDiscreteScheduler', { invert_sigmas: true }, /invert_sigmas/],
  ['FlowMatchEulerDiscreteScheduler', { stochastic_sampling: true }, /stochastic_sampling/],
  ['EDMEulerScheduler', { sigma_min: 0.002 }, /EDMEulerScheduler/],
  ['DDIMScheduler', { beta_start: 3 }, /beta_start/],
  ['DDIMScheduler', { thresholding: 'yes' }, /thresholding/],
])('%s with %j is refused by name', (name, fields, sentence) => {
  expect(() => derive({ _class_name: name, ...fields })).toThrow(
    expect.objectContaining({ code: 'SOURCE_UNSUITABLE', message: expect.stringMatching(sentence) as string }),
  )
})

test('settings that change nothing for the class are let be, as in diffusers', () => {
  for (const [name, fields] of [
    ['EulerDiscreteScheduler', { skip_prk_steps: true, solver_order: 3, use_lu_lambdas: true, sigma_max: null }],
    ['EulerDiscreteScheduler', { timestep_type: 'continuous' }],
    ['DPMSolverMultistepScheduler', { solver_type: 'bh2', lower_order_final: false, euler_at_final: true }],
    ['DDIMScheduler', { interpolation_type: 'log_linear' }],
  ] as const)
    expect(derive({ _class_name: name, ...fields }).notes).toEqual([])
})

test('numbers that Python writes and JSON lacks are read, and text is left alone', () => {
  const file =
    '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "a": "NaN \\" -Infinity"}'
  expect(derive(file).config.type).toBe('DPMSolverMultistepScheduler')
  expect(readConfig(SchedulerFileSchema, 'x', file)).toMatchObject({
    lambda_min_clipped: -Infinity,
    a: 'NaN " -Infinity',
  })
})

test.each([
  ['of an object', { prediction_type: 'constructor' }, /unknown prediction type "constructor"/],
  ['that never end', { prediction_type: 'a'.repeat(5000) }, /^The scheduler .{0,160}$/],
])('names %s are names like any other', (_, fields, why) => {
  expect(() => derive({ _class_name: 'EulerDiscreteScheduler', ...fields })).toThrow(why)
})

test.each([
  [
    'PNDMScheduler',
    { skip_prk_steps: true, steps_offset: 500 },
    /asks for timestep 1250 of a model that knows 0 to 999/,
  ],
  ['DDIMScheduler', { steps_offset: 2 ** 32 }, /asks for timestep \d+ of a model/],
  ['LCMScheduler', { timestep_scaling: 1e308 }, /no finite number/],
  ['EulerDiscreteScheduler', { use_karras_sigmas: true, sigma_min: 1e308, sigma_max: 1e6 }, /no finite number/],
  [
    'DPMSolverMultistepScheduler',
    { use_flow_sigmas: true, prediction_type: 'flow_prediction', flow_shift: 2 ** 40 },
    /no finite number/,
  ],
  ['DDIMScheduler', { num_train_timesteps: 2 ** 52 }, /num_train_timesteps/],
])('%s: a schedule that nothing can be sampled by is refused before the first picture', (_class_name, fields, why) => {
  expect(() => derive({ _class_name, ...fields })).toThrow(why)
})
