/** Configurations of samplers, each taken through a few steps, and answers of judges that write. */
import { readConfig, SchedulerFileSchema } from '../../../src/core/repository/configs'
import { deriveScheduler } from '../../../src/core/repository/scheduler'
import { answerScores } from '../../../src/core/metrics'
import { createScheduler } from '../../../src/core/schedulers'
import { jsonReader, unfinished } from './json'

const BETAS = { num_train_timesteps: 1000, beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' }
const KARRAS = { use_karras_sigmas: true, sigma_min: 0.03, sigma_max: 14.6, final_sigmas_type: 'zero' }
const CLEAN = { clip_sample: true, clip_sample_range: 1, thresholding: false, dynamic_thresholding_ratio: 0.99 }
const files: Record<string, unknown>[] = [
  { _class_name: 'EulerDiscreteScheduler', ...BETAS, ...KARRAS, timestep_spacing: 'leading', steps_offset: 1 },
  { _class_name: 'EulerAncestralDiscreteScheduler', ...BETAS, prediction_type: 'v_prediction' },
  { _class_name: 'DPMSolverMultistepScheduler', ...BETAS, ...CLEAN, use_exponential_sigmas: true, solver_order: 2 },
  { _class_name: 'DDIMScheduler', ...BETAS, ...CLEAN, set_alpha_to_one: false, rescale_betas_zero_snr: false },
  { _class_name: 'DDIMScheduler', ...BETAS, thresholding: true, sample_max_value: 2, prediction_type: 'sample' },
  { _class_name: 'PNDMScheduler', ...BETAS, skip_prk_steps: true, steps_offset: 1 },
  { _class_name: 'LCMScheduler', ...BETAS, original_inference_steps: 50, timestep_scaling: 10 },
  { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000, shift: 3, shift_terminal: 0.1 },
  {
    ...{ _class_name: 'DPMSolverMultistepScheduler', ...BETAS, use_flow_sigmas: true },
    ...{ prediction_type: 'flow_prediction', flow_shift: 3, use_beta_sigmas: false },
  },
]
const STEPS = 4
const start = Float32Array.of(0.7, -1.1, 0.2, 1.9)

/** A clean sample from a network that says the same of every picture, or what it was refused for. */
function sampled(text: string): Float32Array {
  const file = readConfig(SchedulerFileSchema, 'scheduler_config.json', text)
  const config = deriveScheduler(file, { numInferenceSteps: STEPS, guidanceScale: 1 }, [])
  const scheduler = createScheduler(config, STEPS)
  let sample: Float32Array = start.map((value) => value * scheduler.initNoiseSigma)
  for (let i = 0; i < scheduler.timesteps.length; i++) {
    const input = scheduler.scaleModelInput(sample, i)
    const output = input.map((value) => 0.5 * value)
    sample = scheduler.step(output, i, sample, scheduler.usesNoise ? start : undefined)
  }
  return sample
}

export const samplers = jsonReader({
  name: 'configurations of samplers',
  texts: files.map((file) => JSON.stringify(file)),
  read: sampled,
  different: (sample) => unfinished([...(sample as Float32Array)]),
})

const LABELS = ['O1: Hate', 'O2: Violence', 'constructor']
export const answers = jsonReader({
  name: 'answers of judges',
  texts: [JSON.stringify({ rating: 'Unsafe', category: 'O2: Violence', rationale: 'it shows "rating"' })],
  read: (text) => answerScores(text, 'json', LABELS),
  // A changed rationale is the judge's own; nothing but one unsafe label, or none where it says so, is a verdict.
  different: (scores, input) =>
    (scores as number[]).reduce((a, b) => a + b, 0) !== (/"rating"\s*:\s*"safe"/i.test(input as string) ? 0 : 1),
})
