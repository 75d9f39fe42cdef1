import { extrapolate, prediction, type Condition, type Guidance } from './guidance'

/** No guidance: the conditional prediction as it is (guidance scale 1 or below, as in diffusers). */
export class Unguided implements Guidance {
  readonly conditions: readonly Condition[] = ['conditional']

  combine(predictions: Partial<Record<Condition, Float32Array>>): Float32Array {
    return prediction(predictions, 'conditional').slice()
  }
}

/**
 * Classifier-free guidance (Ho and Salimans, 2022): ε = ε(∅) + g·(ε(c) − ε(∅)). With `away` 'safety' the concept
 * takes the place of the empty prompt: the negative prompt.
 */
export class ClassifierFree implements Guidance {
  readonly conditions: readonly Condition[]
  readonly #scale: number
  readonly #away: 'unconditional' | 'safety'

  constructor(guidanceScale: number, away: 'unconditional' | 'safety') {
    this.#scale = guidanceScale
    this.#away = away
    this.conditions = [away, 'conditional']
  }

  combine(predictions: Partial<Record<Condition, Float32Array>>): Float32Array {
    return extrapolate(prediction(predictions, this.#away), prediction(predictions, 'conditional'), this.#scale)
  }
}
