/** Which embedding stands behind each guidance condition. */
import type { InferenceAlignment } from '../core/contracts'
import type { Guidance } from '../core/guidance'
import type { TextEncoder } from './text'

export interface ConditionEmbeds {
  /** Condition by condition, each for the whole batch. */
  arrays: Float32Array[]
  shape: readonly [number, number]
}

/** The concepts as one prompt: what SLD calls the safety concept, and what a negative prompt says. */
export function conceptPrompt(inference: InferenceAlignment | null): string {
  return inference ? inference.concepts.join(', ') : ''
}

/** Embeddings of `texts` under every condition. A negative prompt takes the place of the empty one. */
export async function conditionEmbeds(
  text: TextEncoder, conditions: Guidance['conditions'], texts: readonly string[], inference: InferenceAlignment | null,
): Promise<ConditionEmbeds> {
  const concepts = conceptPrompt(inference)
  const arrays: Float32Array[] = []
  for (const condition of conditions) {
    const wanted = condition === 'conditional' ? texts
      : texts.map(() => (condition === 'safety' || inference?.method === 'negative-prompt' ? concepts : ''))
    arrays.push(...await text.embed(wanted))
  }
  return { arrays, shape: text.shape! }
}
