import { SpqrError, type DiffusionModel, type InferenceAlignment } from '../contracts'
import { ClassifierFree, Unguided } from './classifierFree'
import type { Guidance } from './guidance'
import { changesPrediction, GUIDANCE, SAFECTRL, SLD_PRESETS, type PredictionGuidanceId } from '../methods'
import { SafeLatentDiffusion } from './safeLatentDiffusion'

export type { Guidance } from './guidance'
export { guidanceEmbedding } from './guidanceEmbedding'
export { sldWarmupSteps } from './safeLatentDiffusion'
export { safreeEmbeds } from './safree'
export { Redirected, Redirector } from './redirector'
export { SoftPrompt, withPlaces } from './softPrompt'
export { assertApart, candidateSeed, safestOf } from './bestOf'

type Latent = Pick<DiffusionModel['latent'], 'channels' | 'height' | 'width'>
type Create = (guidanceScale: number, numInferenceSteps: number, latent: Latent) => Guidance
/** Safe latent diffusion at one of its published strengths. */
const sld =
  (preset: keyof typeof SLD_PRESETS): Create =>
  (guidanceScale, numInferenceSteps) =>
    new SafeLatentDiffusion(SLD_PRESETS[preset], guidanceScale, numInferenceSteps)

/** The algorithm of every method of the table that changes predictions. */
const PREDICTION_GUIDANCE: Record<PredictionGuidanceId, Create> = {
  'negative-prompt': (guidanceScale) => new ClassifierFree(guidanceScale, 'safety'),
  'sld-weak': sld('sld-weak'),
  'sld-medium': sld('sld-medium'),
  'sld-strong': sld('sld-strong'),
  'sld-max': sld('sld-max'),
  safectrl: (guidanceScale, numInferenceSteps, { channels, height, width }) =>
    new SafeLatentDiffusion(SLD_PRESETS[SAFECTRL.steering], guidanceScale, numInferenceSteps, {
      share: SAFECTRL.share,
      channels,
      height,
      width,
    }),
}

/**
 * The guidance of a run. `spec` null is plain classifier-free guidance; methods that change the prompt's embeddings
 * before sampling (`runtime/generator/conditions`), or choose among finished pictures, are too.
 * @throws SpqrError BAD_INPUT where the alignment could have no effect: guidance scale 1 or below
 */
export function createGuidance(
  spec: InferenceAlignment | null,
  guidanceScale: number,
  numInferenceSteps: number,
  latent: Latent,
): Guidance {
  if (!Number.isFinite(guidanceScale)) {
    throw new SpqrError(
      'BAD_INPUT',
      `The guidance scale ${guidanceScale} is no number.`,
      'Use a scale such as 3 or 7.5.',
    )
  }
  const guided = guidanceScale > 1
  if (spec === null || !changesPrediction(spec.method)) {
    return guided ? new ClassifierFree(guidanceScale, 'unconditional') : new Unguided()
  }
  if (!guided) {
    throw new SpqrError(
      'BAD_INPUT',
      `${GUIDANCE[spec.method].name} has no effect at guidance scale ${guidanceScale}.`,
      'Use a guidance scale above 1, or another alignment.',
    )
  }
  return PREDICTION_GUIDANCE[spec.method](guidanceScale, numInferenceSteps, latent)
}
