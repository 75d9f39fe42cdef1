/** Steps and guidance that no configuration file states. */
import type { SamplingDefaults } from './scheduler'

const BASE: SamplingDefaults = { numInferenceSteps: 25, guidanceScale: 7.5 }
/** Distilled models by what their names say; guidance 0 means none, as diffusers' examples have it. */
const BY_NAME: readonly (readonly [RegExp, string, SamplingDefaults])[] = [
  [/sdxs|1-?step|one-?step/i, 'a one-step model', { numInferenceSteps: 1, guidanceScale: 0 }],
  [/turbo/i, 'a Turbo model', { numInferenceSteps: 1, guidanceScale: 0 }],
  [/lightning|hyper/i, 'a distilled model', { numInferenceSteps: 4, guidanceScale: 0 }],
]
/** Latent consistency models take guidance as an input of the U-Net. */
const CONSISTENCY: SamplingDefaults = { numInferenceSteps: 4, guidanceScale: 8 }

/** The defaults of a model and, where they were guessed from its name, a sentence that says so. */
export function samplingDefaults(
  id: string,
  consistency: boolean,
  stated: Partial<SamplingDefaults>,
): { defaults: SamplingDefaults; note: string | null } {
  const { numInferenceSteps, guidanceScale } = stated
  if (numInferenceSteps !== undefined && guidanceScale !== undefined)
    return { defaults: { numInferenceSteps, guidanceScale }, note: null }
  const guess = consistency ? undefined : BY_NAME.find(([pattern]) => pattern.test(id))
  const defaults = { ...(consistency ? CONSISTENCY : (guess?.[2] ?? BASE)), ...stated }
  return {
    defaults,
    note: guess
      ? `Its name says it is ${guess[1]}: ${defaults.numInferenceSteps} steps without guidance unless you choose others.`
      : null,
  }
}
