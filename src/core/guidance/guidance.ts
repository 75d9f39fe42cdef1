import { SpqrError } from '../contracts'

/** The prompts whose predictions are combined: the empty one, the user's, and the concept to avoid. */
export type Condition = 'unconditional' | 'conditional' | 'safety'

/**
 * How the predictions of one step become the one the sampler sees. Elementwise on whole batches; the state of one
 * batch lies inside and begins anew at step 0.
 */
export interface Guidance {
  /** The predictions `combine` needs, in the order in which to run the model. */
  readonly conditions: readonly Condition[]
  /** The guided prediction of step `stepIndex`, a new array. */
  combine(predictions: Partial<Record<Condition, Float32Array>>, stepIndex: number): Float32Array
}

/** The named prediction; refuses when it is absent or of another length than the conditional one. */
export function prediction(predictions: Partial<Record<Condition, Float32Array>>, name: Condition): Float32Array {
  const found = predictions[name]
  const length = predictions.conditional?.length
  if (found && found.length === length) return found
  throw new SpqrError(
    'BAD_INPUT',
    found
      ? `The ${name} prediction has ${found.length} values and the conditional one ${length ?? 'none'}.`
      : `Guidance needs the ${name} prediction and was not given it.`,
  )
}

/** from + scale·(to − from). From must be the prediction to move away from. */
export function extrapolate(from: Float32Array, to: Float32Array, scale: number): Float32Array {
  return from.map((value, i) => value + scale * ((to[i] ?? 0) - value))
}
