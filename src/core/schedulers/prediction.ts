import type { SchedulerConfig } from '../contracts'

/** The clean sample as a linear form: x₀ = sample·x + output·(model output). */
export interface CleanForm {
  sample: number
  output: number
}

/**
 * x₀ from the model's output where x = α·x₀ + σ·noise. `epsilon` predicts the noise, `v_prediction` α·noise − σ·x₀
 * (Salimans and Ho, ICLR 2022), `sample` x₀ itself, `flow` noise − x₀ with α = 1 − σ.
 */
export function cleanForm(predictionType: SchedulerConfig['predictionType'], alpha: number, sigma: number): CleanForm {
  switch (predictionType) {
    case 'epsilon':
      return { sample: 1 / alpha, output: -sigma / alpha }
    case 'v_prediction':
      return { sample: alpha, output: -sigma }
    case 'sample':
      return { sample: 0, output: 1 }
    case 'flow':
      return { sample: 1, output: -sigma }
  }
}
