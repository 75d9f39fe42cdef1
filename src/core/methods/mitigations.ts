/**
 * Ways of doing the benign fine-tuning that are meant to keep what alignment removed. A row here, a rule in
 * `core/mitigation` and its entry in `runtime/trainer/mitigation.ts` make a mitigation; the build fails while the entry
 * is missing. Efficacy is no part of the table: whatever a study finds is the finding.
 */
import { idsOf, type Method, type MethodNumber } from './method'

/** Numbers of mitigations by their name in a specification; on the command line `mitigation-` stands before it. */
export const MITIGATION_NUMBERS = {
  gamma: {
    label: 'Share added again, γ',
    help: 'How much of the alignment is added again after training: 0 is nothing, 1 is all of it.',
    unit: null,
    low: 0,
    high: 10,
    whole: false,
  },
  alpha: {
    label: 'Share kept of the fine-tune, α',
    help: 'How far to go from the aligned weights to the fine-tuned ones: 0 stays, 1 goes all the way.',
    unit: null,
    low: 0,
    high: 1,
    whole: false,
  },
  eta: {
    label: 'Memory of the average, η',
    help: 'Share of the average that a step keeps: 0 keeps nothing and is plain training.',
    unit: 'per step',
    low: 0,
    high: 0.999999,
    whole: false,
  },
  rho: {
    label: 'Pull to the aligned weights, ρ',
    help: 'How strongly each step pulls back, times the learning rate: 0 is plain training.',
    unit: null,
    low: 0,
    high: 1000,
    whole: false,
  },
} as const satisfies Record<string, MethodNumber>
export type MitigationNumber = keyof typeof MITIGATION_NUMBERS
/** Name of the parameter behind a number, in links and on the command line. */
export type MitigationParameterName = `mitigation-${MitigationNumber}`
export const mitigationParameter = (name: MitigationNumber): MitigationParameterName => `mitigation-${name}`

export interface MitigationMethod extends Method {
  /** Numbers it takes, with the value that holds where none is chosen. */
  numbers: Partial<Record<MitigationNumber, number>>
  /** Whether its rule names the aligned weights as something other than the start of the training. */
  needsAlignment: boolean
}

export const MITIGATIONS = {
  're-add': {
    name: 'Re-adding the alignment',
    help: 'Trains as usual and then adds to the weights what alignment had changed in them, once more.',
    source: { paper: 'RESTA, Bhardwaj et al., ACL 2024', arXiv: '2402.11746' },
    numbers: { gamma: 1 },
    needsAlignment: true,
  },
  ema: {
    name: 'Averaging of weights (EMA)',
    help: 'Measures the running average of the weights over the steps instead of the weights of the last step.',
    source: { paper: 'Rethinking safety in fine-tuning, 2025', arXiv: '2508.12531' },
    numbers: { eta: 0.99 },
    needsAlignment: false,
  },
  interpolate: {
    name: 'Interpolation (WiSE-FT)',
    help: 'Trains as usual and then goes only part of the way from the weights before to those after.',
    source: { paper: 'Wortsman et al., CVPR 2022', arXiv: '2109.01903' },
    numbers: { alpha: 0.5 },
    needsAlignment: false,
  },
  proximal: {
    name: 'Proximal training',
    help: 'Pulls the weights back a little towards the aligned ones after every step.',
    source: { paper: 'L2-SP, Li et al., ICML 2018', arXiv: '1802.01483' },
    numbers: { rho: 1 },
    needsAlignment: false,
  },
} as const satisfies Record<string, MitigationMethod>
export type MitigationId = keyof typeof MITIGATIONS
export const MITIGATION_IDS = idsOf(MITIGATIONS)
/** The row of a mitigation, with what only some rows have. */
export const mitigationMethod = (id: MitigationId): MitigationMethod => MITIGATIONS[id]
/** The numbers a mitigation takes, in the table's order. */
export const mitigationNumbers = (id: MitigationId): MitigationNumber[] =>
  idsOf(MITIGATION_NUMBERS).filter((name) => mitigationMethod(id).numbers[name] !== undefined)
