import { SpqrError, type InferenceAlignment } from '../contracts'
import { ClassifierFree, Unguided } from './classifierFree'
import type { Guidance } from './guidance'
import { SafeLatentDiffusion, SLD_PRESETS } from './safeLatentDiffusion'

export type { Condition, Guidance } from './guidance'
export { guidanceEmbedding } from './guidanceEmbedding'
export { SLD_PRESETS, sldWarmupSteps, type SldSettings } from './safeLatentDiffusion'
export { safreeEmbeds, type SafreeInput, type SafreeResult } from './safree'

/**
 * The guidance of a run. `spec` null is plain classifier-free guidance; SAFREE is too, since it changes the prompt's
 * embeddings before sampling (`safreeEmbeds`).
 * @throws SpqrError BAD_INPUT where the alignment could have no effect: guidance scale 1 or below
 */
export function createGuidance(
  spec: InferenceAlignment | null,
  guidanceScale: number,
  numInferenceSteps: number,
): Guidance {
  if (!Number.isFinite(guidanceScale)) {
    throw new SpqrError(
      'BAD_INPUT',
      `The guidance scale ${guidanceScale} is no number.`,
      'Use a scale such as 3 or 7.5.',
    )
  }
  const guided = guidanceScale > 1
  if (spec === null || spec.method === 'safree') {
    return guided ? new ClassifierFree(guidanceScale, 'unconditional') : new Unguided()
  }
  if (!guided) {
    throw new SpqrError(
      'BAD_INPUT',
      `${spec.method} has no effect at guidance scale ${guidanceScale}.`,
      'Use a guidance scale above 1, or another alignment.',
    )
  }
  return spec.method === 'negative-prompt'
    ? new ClassifierFree(guidanceScale, 'safety')
    : new SafeLatentDiffusion(SLD_PRESETS[spec.method], guidanceScale, numInferenceSteps)
}
