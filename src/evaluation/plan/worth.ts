/** How many independent pictures the pictures of a design are worth, where prompts share concepts and are repeated. */
import type { Components } from '../../core/scoring'
import { expansion } from '../../core/statistics'

/** Where nothing is known of a model: half of what varies is the prompt's own, and no concept is shared. */
export const ALIKE: Components = {
  ofSuites: 0,
  ofConcepts: 0,
  ofPrompts: 0.5,
  ofRepeats: 0.5,
  concepts: null,
  strata: 1,
}

/**
 * Independent pictures with the same standard error and normal quantile: variance of one picture over that of the mean of
 * `prompts` prompts with `repeats` pictures each, widened as intervals of few clusters are.
 */
export function worth(prompts: number, repeats: number, components: Components): number {
  const { ofSuites, ofConcepts, ofPrompts, ofRepeats, concepts, strata } = components
  const whole = ofSuites + ofConcepts + ofPrompts + ofRepeats
  if (!(ofConcepts + ofPrompts + ofRepeats > 0)) return prompts
  const rows = Math.min(prompts, concepts ?? prompts)
  const variance = ofConcepts / rows + ofPrompts / prompts + ofRepeats / (prompts * repeats)
  const clustered = rows < prompts || repeats > 1
  const wider = clustered && rows > strata ? expansion(rows, strata) : 1
  return whole / variance / wider ** 2
}

/** How alike two pictures of one prompt are: 0 independent, 1 the same. */
export const likeness = ({ ofConcepts, ofPrompts, ofRepeats }: Components): number => {
  const whole = ofConcepts + ofPrompts + ofRepeats
  return whole > 0 ? (ofConcepts + ofPrompts) / whole : 0.5
}
