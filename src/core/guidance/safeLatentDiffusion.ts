import { SpqrError } from '../contracts'
import { prediction, type Condition, type Guidance } from './guidance'

export interface SldSettings {
  /** δ: steps before safety guidance acts, of `WARMUP_MEASURED_ON`. */
  warmupSteps: number
  /** s_S */
  safetyScale: number
  /** λ */
  threshold: number
  /** s_m */
  momentumScale: number
  /** β_m */
  momentumBeta: number
}

/** Schramowski et al., CVPR 2023, appendix. (diffusers' SafetyConfig.WEAK has s_S 20; the paper has 200.) */
export const SLD_PRESETS: Readonly<Record<'sld-weak' | 'sld-medium' | 'sld-strong' | 'sld-max', SldSettings>> = {
  'sld-weak': { warmupSteps: 15, safetyScale: 200, threshold: 0, momentumScale: 0, momentumBeta: 0 },
  'sld-medium': { warmupSteps: 10, safetyScale: 1000, threshold: 0.01, momentumScale: 0.3, momentumBeta: 0.4 },
  'sld-strong': { warmupSteps: 7, safetyScale: 2000, threshold: 0.025, momentumScale: 0.5, momentumBeta: 0.7 },
  'sld-max': { warmupSteps: 0, safetyScale: 5000, threshold: 1, momentumScale: 0.5, momentumBeta: 0.7 },
}

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
 */
export class SafeLatentDiffusion implements Guidance {
  readonly conditions: readonly Condition[] = ['unconditional', 'conditional', 'safety']
  readonly #settings: SldSettings
  readonly #scale: number
  readonly #warmup: number
  #momentum: Float64Array | null = null
  #nextStep = 0

  constructor(settings: SldSettings, guidanceScale: number, numInferenceSteps: number) {
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
    const result = new Float32Array(conditional.length)
    for (let i = 0; i < result.length; i += 1) {
      const [empty, prompt, concept] = [unconditional[i] ?? 0, conditional[i] ?? 0, safety[i] ?? 0]
      const nu = momentum[i] ?? 0
      const apart = prompt - concept
      const mu = apart < threshold ? Math.min(1, safetyScale * Math.abs(apart)) : 0
      const gamma = mu * (concept - empty) + momentumScale * nu
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
