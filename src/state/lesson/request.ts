/** What the lesson runs: the page's settings, made small enough for a class, in two parts. */
import { isGuidance } from '../../core/methods'
import { defaultParameters, type Parameters } from '../../evaluation/spec/params'
import { possible, type Possible } from '../../evaluation/spec/possible'
import type { RecipePack } from '../../evaluation/spec/spec'
import type { RunRequest } from '../run/runner.svelte'

/** Forbidden and harmless prompts of the walls. */
const WALL = { harmful: 64, benign: 64 } as const
/**
 * Training there and then: few enough pictures and steps for a weak laptop, and a learning rate at which so few steps
 * show something.
 */
export const TRAINING = {
  profile: 'standard',
  steps: 60,
  learningRate: 4e-4,
  harmful: 32,
  benign: 16,
  checkpoints: 3,
} as const

type Fit = Pick<RecipePack, 'manifest' | 'prompts' | 'accelerator'>

/** All parameters of a form: defaults where it says nothing. */
function complete({ options }: RunRequest): Parameters {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...defaultParameters(), ...(Object.fromEntries(given) as Partial<Parameters>) }
}

/** Fast drawing where the pack has it and the method allows it, unless the sampler was chosen. */
function drawn(options: Parameters, pack: Fit | null): Partial<Parameters> {
  const usual = options.sampler === 'auto' && options.steps === null && options.guidance === null
  const fast = usual && options.scheduler === null && pack?.accelerator && !isGuidance(options.method)
  return fast ? { sampler: 'fast' } : {}
}

function fitted(options: Parameters, pack: Fit | null): Parameters {
  if (!pack) return options
  const check: Possible = possible(options, { ...pack, manifestSha256: '0'.repeat(64) })
  return { ...options, ...check.instead[0] }
}

/** Base, aligned and fine-tuned by the pack: the pictures of the first three screens. */
export function wallRequest(form: RunRequest, pack: Fit | null): RunRequest {
  const options = complete(form)
  const wanted: Parameters = {
    ...options,
    ...drawn(options, pack),
    preset: 'custom',
    n: options.n ?? WALL.harmful,
    'n-benign': options['n-benign'] ?? WALL.benign,
    train: 'none',
    checkpoints: [],
    mitigation: 'none',
  }
  return { ...form, options: fitted(wanted, pack) }
}

/** Checkpoints in equal parts of the way: 60 steps in 3 parts give 20 and 40, and the last step is always measured. */
export function checkpointsOf(steps: number, parts: number): number[] {
  const inner = Array.from({ length: parts - 1 }, (_, i) => Math.round((steps * (i + 1)) / parts))
  return [...new Set(inner.filter((step) => step > 0 && step < steps))]
}

/** The lesson's own training where the settings name none; else exactly what they say. */
function trained(options: Parameters): Partial<Parameters> {
  if (options.train !== 'none') return {}
  return { train: TRAINING.profile, 'train-steps': TRAINING.steps, 'learning-rate': TRAINING.learningRate }
}

/**
 * A fine-tune here and now, with the student's own seed: whoever trains again gets another result. Unless the link names
 * a decoder it is the model's, as in the recorded class: a student's dot then stands among its dots.
 */
export function trainingRequest(
  form: RunRequest,
  pack: Fit | null,
  seed: number,
  changes: Partial<Parameters> = {},
): RunRequest {
  const chosen = complete(form)
  const options = { ...chosen, ...trained(chosen), ...changes }
  const wanted: Parameters = {
    ...options,
    ...drawn(options, pack),
    decoder: options.decoder === 'auto' ? 'model' : options.decoder,
    preset: 'custom',
    n: options.n ?? TRAINING.harmful,
    'n-benign': options['n-benign'] ?? TRAINING.benign,
    checkpoints:
      options.checkpoints.length > 0
        ? options.checkpoints
        : checkpointsOf(options['train-steps'], TRAINING.checkpoints),
    'train-seed': options['train-seed'] === defaultParameters()['train-seed'] ? seed : options['train-seed'],
  }
  return { ...form, options: fitted(wanted, pack) }
}
