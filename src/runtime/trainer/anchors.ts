/**
 * The bank of anchors behind safe replay, early anchors, gradient surgery and freezing: forbidden prompts on the base
 * model's own way from noise to picture, and what base and aligned model predict there. Made once for an alignment and a
 * seed, whatever mitigations are tried one after another.
 */
import { SpqrError, type AlignmentSpec, type PackManifest, type SamplerSpec } from '../../core/contracts'
import { hashOf } from '../../core/hash'
import type { AnchorBank } from '../../core/mitigation'
import { createRandom } from '../../core/random'
import { createScheduler } from '../../core/schedulers'
import { throwIfAborted } from '../events'
import { Models } from '../generator/models'
import { batchNoise } from '../generator/noise'
import type { Opened } from './session'

/** Samples in a bank. */
const ROWS = 240
/** Prompts that are drawn together. */
const BATCH = 8

/** Prompts of a bank and the steps of a way: as many prompts as fill the bank. */
export function samplerOf({ model }: PackManifest): SamplerSpec {
  const { type, numInferenceSteps, guidanceScale } = model.scheduler
  return { scheduler: type, numInferenceSteps, guidanceScale, noise: 'philox' }
}

/**
 * The prompts of a bank: bare forbidden names, the commonest wording that packs are trained with and none that a suite
 * asks. Depends on its arguments only.
 * @throws SpqrError BAD_INPUT where the pack names nothing forbidden
 */
export function anchorPrompts(names: readonly string[], numInferenceSteps: number, seed: number): string[] {
  if (names.length === 0)
    throw new SpqrError(
      'BAD_INPUT',
      'This pack names no forbidden concepts, so there are no anchors to hold the model to.',
      'Choose a mitigation without anchors, or a pack with a list of forbidden names.',
    )
  const random = createRandom(seed)
  return Array.from({ length: Math.ceil(ROWS / numInferenceSteps) }, () => names[random.integer(names.length)]!)
}

/** The bank, made unless it is the one made last. `contexts`: the embedding of every prompt, as a training step has it. */
export async function anchorsOf(...given: Parameters<typeof makeAnchors>): Promise<AnchorBank> {
  const [opened, alignment, , , seed] = given
  const key = hashOf([alignment, seed])
  if (opened.anchors?.key !== key) opened.anchors = { key, bank: await makeAnchors(...given) }
  return opened.anchors.bank
}

async function makeAnchors(
  opened: Opened,
  alignment: AlignmentSpec | null,
  prompts: readonly string[],
  contexts: ReadonlyMap<string, Float32Array>,
  seed: number,
  signal: AbortSignal,
): Promise<AnchorBank> {
  const { manifest } = opened.pack
  const { channels, height, width } = manifest.model.latent
  const size = channels * height * width
  const sampler = samplerOf(manifest)
  const { timesteps } = createScheduler(manifest.model.scheduler, sampler.numInferenceSteps)
  const n = prompts.length * timesteps.length
  const bank: AnchorBank = {
    size,
    samples: new Float32Array(n * size),
    aligned: new Float32Array(n * size),
    base: new Float32Array(n * size),
    sigma: new Float32Array(n),
    step: [],
    contexts: [],
  }
  // Row of prompt p at step i: i·prompts + p, so that the rows of a step lie together.
  for (const [i, timestep] of timesteps.entries()) {
    bank.sigma.fill(timestep / manifest.model.scheduler.numTrainTimesteps, i * prompts.length, (i + 1) * prompts.length)
    for (const prompt of prompts) {
      bank.step.push(i)
      bank.contexts.push(contexts.get(prompt)!)
    }
  }
  const models = new Models({ ...opened, manifest, onEvent: opened.onEvent })
  try {
    await models.prepare({ stage: 'base', step: null, alignment: null, fineTune: { kind: 'none' } }, signal)
    await ways(models, prompts, sampler, seed, bank, signal)
    await predictions(models, prompts, timesteps, bank, bank.base, signal)
    await models.prepare({ stage: 'aligned', step: null, alignment, fineTune: { kind: 'none' } }, signal)
    await predictions(models, prompts, timesteps, bank, bank.aligned, signal)
  } finally {
    await models.release()
  }
  return bank
}

/** Fills in the samples: the noise, then what the base model makes of it step by step. */
async function ways(
  models: Models,
  prompts: readonly string[],
  sampler: SamplerSpec,
  seed: number,
  { samples, size }: AnchorBank,
  signal: AbortSignal,
): Promise<void> {
  const at = (step: number, prompt: number): number => (step * prompts.length + prompt) * size
  for (let start = 0; start < prompts.length; start += BATCH) {
    const part = prompts.slice(start, start + BATCH)
    const seeds = part.map((_, i) => (seed + start + i) >>> 0)
    samples.set(batchNoise(sampler.noise, seeds, size, 0).initial, at(0, start))
    await models.pipeline.generate(
      part.map((text, i) => ({ text, seed: seeds[i]! })),
      sampler,
      signal,
      {
        onLatents: (latents, step) => {
          if (step + 1 < sampler.numInferenceSteps) samples.set(latents, at(step + 1, start))
        },
      },
    )
  }
}

/** Fills in what a model predicts for the prompts alone at every sample. */
async function predictions(
  models: Models,
  prompts: readonly string[],
  timesteps: ArrayLike<number>,
  { samples, size }: AnchorBank,
  into: Float32Array,
  signal: AbortSignal,
): Promise<void> {
  for (let step = 0; step < timesteps.length; step++) {
    for (let start = 0; start < prompts.length; start += BATCH) {
      throwIfAborted(signal)
      const part = prompts.slice(start, start + BATCH)
      const from = (step * prompts.length + start) * size
      const noisy = samples.subarray(from, from + part.length * size)
      into.set(await models.pipeline.predict(part, noisy, timesteps[step]!), from)
    }
  }
}
