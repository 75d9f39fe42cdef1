/** How pictures are drawn: the pack's steps with guidance, or its accelerator. */
import { SpqrError, type AlignmentSpec, type SamplerSpec } from '../../core/contracts'
import { GUIDANCE, changesEmbeddings } from '../../core/methods'
import type { RunParameters } from './params'
import type { RecipePack } from './specMethods'

const FULL = 'Choose the full sampler.'

/**
 * The sampler of a run.
 * @throws {SpqrError} BAD_INPUT when the fast one is chosen and the pack has none, with settings that it has inside, or
 * with a method that acts through guidance
 */
export function resolveSampler(
  chosen: RunParameters,
  { manifest, accelerator }: RecipePack,
  alignment: AlignmentSpec | null,
): SamplerSpec {
  const { scheduler } = manifest.model
  const { noise } = chosen
  if (chosen.sampler === 'full') {
    return {
      scheduler: chosen.scheduler ?? scheduler.type,
      numInferenceSteps: chosen.steps ?? scheduler.numInferenceSteps,
      guidanceScale: chosen.guidance ?? scheduler.guidanceScale,
      noise,
    }
  }
  if (!accelerator) throw new SpqrError('BAD_INPUT', `"${manifest.id}" has no fast sampler.`, FULL)
  const given = (['scheduler', 'steps', 'guidance'] as const).find((name) => chosen[name] !== null)
  if (given)
    throw new SpqrError(
      'BAD_INPUT',
      `"${given}" cannot be chosen together with the fast sampler.`,
      `Leave "${given}" out, or choose the full sampler.`,
    )
  if (alignment?.kind === 'inference' && !changesEmbeddings(alignment.method))
    throw new SpqrError(
      'BAD_INPUT',
      `${GUIDANCE[alignment.method].name} acts through guidance, which the fast sampler has inside.`,
      FULL,
    )
  return {
    scheduler: scheduler.type,
    numInferenceSteps: accelerator.steps,
    guidanceScale: accelerator.guidanceScale,
    noise,
    accelerator: accelerator.file.sha256,
  }
}
