import { SpqrError } from '../contracts'
import type { SldSettings } from '../methods'
import { prediction, type Condition, type Guidance } from './guidance'
import { regionOf, type Region } from './region'

/** The number of sampler steps for which the paper chose δ. */
const WARMUP_MEASURED_ON = 50

/** δ for a sampler of `numInferenceSteps` steps: the same share of the way, to the nearest step. */
export function sldWarmupSteps(settings: SldSettings, numInferenceSteps: number): number {
  return Math.round((settings.warmupSteps * numInferenceSteps) / WARMUP_MEASURED_ON)
}

/**
 * Safe latent diffusion (Schramowski et al., CVPR 2023), elementwise at each step with safety concept S:
 * φ = min(1, s_S·|ε(c) − ε(S)|) (eq. 6); μ = φ where ε(c) − ε(S) < λ, else 0; γ = μ·(ε(S) − ε(∅)) + s_m·ν (eq. 4, 7);
 * ν ← β_m·ν + (1 − β_m)·γ (eq. 8), during the warm-up too; from step δ on ε = ε(∅) + g·(ε(c) − ε(∅) − γ) (eq. 3).
 * A flow model's v points from picture to noise as ε does, so the same equations hold for it.
 * With a region M, SafeCtrl-style, γ is M ⊙ γ in both: outside M nothing is steered, and nothing is remembered.
 */
export class SafeLatentDiffusion implements Guidance {
  readonly conditions: readonly Condition[] = ['unconditional', 'conditional', 'safety']
  readonly #settings: SldSettings
  readonly #scale: number
  readonly #warmup: number
  readonly #region: Region | null
  #momentum: Float64Array | null = null
  #nextStep = 0

  constructor(settings: SldSettings, guidanceScale: number, numInferenceSteps: number, region: Region | null = null) {
    this.#region = region
    this.#settings = settings
    this.#scale = guidanceScale
    this.#warmup = sldWarmupSteps(settings, numInferenceSteps)
  }

  combine(predictions: Partial<Record<Condition, Float32Array>>, stepIndex: number): Float32Array {
    const unconditional = prediction(predictions, 'unconditional')
    const conditional = prediction(predictions, 'conditional')
    const safety = prediction(predictions, 'safety')
    const momentum = this.#momentumAt(stepIndex, conditional.length)
    const { safetyScale, threshold, momentumScale, momentumBeta } = this.#settings
    const active = stepIndex >= this.#warmup
    const inside = this.#region && regionOf(safety, unconditional, this.#region)
    const result = new Float32Array(conditional.length)
    for (let i = 0; i < result.length; i += 1) {
      const [empty, prompt, concept] = [unconditional[i] ?? 0, conditional[i] ?? 0, safety[i] ?? 0]
      const nu = momentum[i] ?? 0
      const apart = prompt - concept
      const mu = apart < threshold ? Math.min(1, safetyScale * Math.abs(apart)) : 0
      const gamma = inside && !inside[i] ? 0 : mu * (concept - empty) + momentumScale * nu
      momentum[i] = momentumBeta * nu + (1 - momentumBeta) * gamma
      result[i] = empty + this.#scale * (prompt - empty - (active ? gamma : 0))
    }
    return result
  }

  #momentumAt(stepIndex: number, length: number): Float64Array {
    if (stepIndex === 0) this.#momentum = new Float64Array(length)
    else if (stepIndex !== this.#nextStep || this.#momentum?.length !== length) {
      throw new SpqrError(
        'BAD_INPUT',
        `Safe latent diffusion was at step ${this.#nextStep} of one batch and was given ` +
          `step ${stepIndex} of ${length} values.`,
        'Make one guidance for each batch and pass its steps in turn.',
      )
    }
    this.#nextStep = stepIndex + 1
    return this.#momentum ?? new Float64Array(length)
  }
}
