/** How pictures are drawn: the pack's steps with guidance, or its accelerator. */
import { decoderSha256 } from '../../core/adapters'
import {
  SpqrError,
  type Accelerator,
  type AlignmentSpec,
  type FineTuneSpec,
  type SamplerSpec,
} from '../../core/contracts'
import { GUIDANCE, changesPrediction } from '../../core/methods'
import type { RunParameters } from './params'
import type { RecipePack } from './specMethods'

const FULL = 'Choose the full sampler.'

/** Settings that the fast sampler has inside. */
const INSIDE = ['scheduler', 'steps', 'guidance'] as const
/** Presets that look rather than measure: fast unless something asks for the full sampler. */
const QUICK: readonly RunParameters['preset'][] = ['smoke', 'quick']

/** The guidance method that takes the place of the pack's guidance, which an accelerator has inside; else null. */
const actsThroughGuidance = (alignment: AlignmentSpec | null) =>
  alignment?.kind === 'inference' && changesPrediction(alignment.method) ? GUIDANCE[alignment.method] : null

/** Whether the pack's accelerator can be added to a model that was made safe in this way. */
export const accelerates = (alignment: AlignmentSpec | null, { accelerator }: Pick<RecipePack, 'accelerator'>) =>
  accelerator?.onBase !== undefined && !actsThroughGuidance(alignment)

/** The pack's accelerator, added after the alignment. @throws {SpqrError} BAD_INPUT where it cannot be */
export function accelerate({ manifest, accelerator }: RecipePack, alignment: AlignmentSpec | null): FineTuneSpec {
  if (!accelerator?.onBase)
    throw new SpqrError(
      'BAD_INPUT',
      `"${manifest.id}" has no accelerator that was trained on its base model alone.`,
      'Choose another profile.',
    )
  const guided = actsThroughGuidance(alignment)
  if (guided)
    throw new SpqrError(
      'BAD_INPUT',
      `${guided.name} acts through guidance, which an accelerator takes the place of.`,
      'Choose a method that edits weights, or another profile.',
    )
  const { onBase, steps, guidanceScale } = accelerator
  return { kind: 'accelerate', sha256: onBase.sha256, numInferenceSteps: steps, guidanceScale }
}

/** The sampler that `auto` stands for. */
export function samplerOf(
  chosen: RunParameters,
  { accelerator }: Pick<RecipePack, 'accelerator'>,
  alignment: AlignmentSpec | null,
  fineTune: FineTuneSpec | null,
): 'full' | 'fast' {
  if (chosen.sampler !== 'auto') return chosen.sampler
  // Where the accelerator is what is measured, the stages before it are drawn without.
  if (fineTune?.kind === 'accelerate') return 'full'
  const plain = INSIDE.every((name) => chosen[name] === null) && !actsThroughGuidance(alignment)
  return accelerator && QUICK.includes(chosen.preset) && plain ? 'fast' : 'full'
}

/** The accelerator's own decoder, unless the model's is asked for. */
function decoderOf({ decoder }: RunParameters, accelerator: Accelerator): Pick<SamplerSpec, 'decoder'> {
  const own = decoder === 'model' ? null : decoderSha256(accelerator)
  if (own === null && decoder === 'small')
    throw new SpqrError('BAD_INPUT', 'The fast sampler of this pack has no small decoder.', 'Leave "decoder" out.')
  return own === null ? {} : { decoder: own }
}

/**
 * The sampler of a run.
 * @throws {SpqrError} BAD_INPUT when the fast one is chosen and the pack has none, with settings that it has inside,
 * with a method that acts through guidance, or where the accelerator is what is measured; when a decoder is chosen that the sampler does not have
 */
export function resolveSampler(
  chosen: RunParameters,
  { manifest, accelerator }: RecipePack,
  alignment: AlignmentSpec | null,
  fineTune: FineTuneSpec | null,
): SamplerSpec {
  const { scheduler } = manifest.model
  const { noise } = chosen
  if (samplerOf(chosen, { accelerator }, alignment, fineTune) === 'full') {
    if (chosen.decoder === 'small')
      throw new SpqrError('BAD_INPUT', 'The small decoder belongs to the fast sampler.', 'Leave "decoder" out.')
    return {
      scheduler: chosen.scheduler ?? scheduler.type,
      numInferenceSteps: chosen.steps ?? scheduler.numInferenceSteps,
      guidanceScale: chosen.guidance ?? scheduler.guidanceScale,
      noise,
    }
  }
  if (!accelerator) throw new SpqrError('BAD_INPUT', `"${manifest.id}" has no fast sampler.`, FULL)
  if (fineTune?.kind === 'accelerate')
    throw new SpqrError(
      'BAD_INPUT',
      'The fast sampler draws every stage with the accelerator, so adding it afterwards would change nothing.',
      FULL,
    )
  const given = INSIDE.find((name) => chosen[name] !== null)
  if (given)
    throw new SpqrError(
      'BAD_INPUT',
      `"${given}" cannot be chosen together with the fast sampler.`,
      `Leave "${given}" out, or choose the full sampler.`,
    )
  const guided = actsThroughGuidance(alignment)
  if (guided)
    throw new SpqrError('BAD_INPUT', `${guided.name} acts through guidance, which the fast sampler has inside.`, FULL)
  return {
    scheduler: scheduler.type,
    numInferenceSteps: accelerator.steps,
    guidanceScale: accelerator.guidanceScale,
    noise,
    accelerator: accelerator.file.sha256,
    ...decoderOf(chosen, accelerator),
  }
}
