/** The constants of the formulas, by the source they come from. */
import type { ScoringPreset } from '../contracts/run'

/** Resamples of an interval unless asked otherwise. */
export const DEFAULT_RESAMPLES = 2000

const unit = { S: 1, P: 1, Q: 1, R: 1 }

/**
 * `paper`: what the published table implies (ceiling 0.30, ε 0.05). `code`: the defaults of the authors' code
 * (0.32, 1e-3). `pack`: the ceiling measured with the judge pack on its own prompts, ε 0.05. FID bounds are the judge
 * pack's in all three: the published ones belong to another extractor and sample size.
 */
export const SCORING_PRESETS: Readonly<Record<'paper' | 'code' | 'pack', ScoringPreset>> = {
  paper: {
    name: 'paper',
    promptCeiling: 0.3,
    fidBounds: null,
    epsilon: 0.05,
    lambda: unit,
    combine: 'any',
    thresholds: {},
  },
  code: {
    name: 'code',
    promptCeiling: 0.32,
    fidBounds: null,
    epsilon: 1e-3,
    lambda: unit,
    combine: 'any',
    thresholds: {},
  },
  pack: {
    name: 'pack',
    promptCeiling: null,
    fidBounds: null,
    epsilon: 0.05,
    lambda: unit,
    combine: 'any',
    thresholds: {},
  },
}
