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
  anchors: {
    label: 'Anchors in a batch, k',
    help: 'Rows of a batch that hold a forbidden prompt to what the aligned model draws for it: 0 is plain training.',
    unit: 'rows',
    low: 0,
    high: 255,
    whole: true,
  },
  share: {
    label: 'Share of rows that is frozen',
    help: 'How many of the rows of weights are not trained: 0 is plain training.',
    unit: '%',
    low: 0,
    high: 100,
    whole: false,
  },
  strength: {
    label: 'Strength of shaping',
    help: 'How far the target of a flagged picture moves to what the aligned model draws: 0 is plain training.',
    unit: null,
    low: 0,
    high: 1,
    whole: false,
  },
  tau: {
    label: 'Cosine up to which a change is projected, τ',
    help: 'A change of a weight that agrees less than this with what alignment did is projected on it: −1 projects none.',
    unit: null,
    low: -1,
    high: 1,
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
  /** Whether it works with forbidden prompts, and so needs the pack's list of them. */
  needsAnchors: boolean
}

const SAFE_LORA = { paper: 'Hsu et al., NeurIPS 2024', arXiv: '2405.16833' } as const
const SSAH = { paper: 'Li et al., ICLR 2025, as an analogue for pictures', arXiv: '2410.10862' } as const

export const MITIGATIONS = {
  'safe-replay': {
    name: 'Safe replay',
    help: 'Mixes into every batch forbidden prompts with what the aligned model draws for them.',
    source: {
      paper: 'Safety-Tuned LLaMAs, Bianchi et al., ICLR 2024, as an analogue for pictures',
      arXiv: '2309.07875',
    },
    numbers: { anchors: 1 },
    needsAlignment: true,
    needsAnchors: true,
  },
  'early-anchors': {
    name: 'Early anchors',
    help: 'Safe replay at the two noisiest of the drawing steps only, where a picture gets its shape.',
    source: { paper: 'Qi et al., ICLR 2025, as an analogue for pictures', arXiv: '2406.05946' },
    numbers: { anchors: 1 },
    needsAlignment: true,
    needsAnchors: true,
  },
  're-add': {
    name: 'Re-adding the alignment',
    help: 'Trains as usual and then adds to the weights what alignment had changed in them, once more.',
    source: { paper: 'RESTA, Bhardwaj et al., ACL 2024', arXiv: '2402.11746' },
    numbers: { gamma: 1 },
    needsAlignment: true,
    needsAnchors: false,
  },
  ema: {
    name: 'Averaging of weights (EMA)',
    help: 'Measures the running average of the weights over the steps instead of the weights of the last step.',
    source: { paper: 'Rethinking safety in fine-tuning, 2025', arXiv: '2508.12531' },
    numbers: { eta: 0.99 },
    needsAlignment: false,
    needsAnchors: false,
  },
  interpolate: {
    name: 'Interpolation (WiSE-FT)',
    help: 'Trains as usual and then goes only part of the way from the weights before to those after.',
    source: { paper: 'Wortsman et al., CVPR 2022', arXiv: '2109.01903' },
    numbers: { alpha: 0.5 },
    needsAlignment: false,
    needsAnchors: false,
  },
  proximal: {
    name: 'Proximal training',
    help: 'Pulls the weights back a little towards the aligned ones after every step.',
    source: { paper: 'L2-SP, Li et al., ICML 2018', arXiv: '1802.01483' },
    numbers: { rho: 1 },
    needsAlignment: false,
    needsAnchors: false,
  },
  'gradient-surgery': {
    name: 'Gradient surgery',
    help: 'Takes out of every step what works against forbidden prompts staying as the aligned model draws them.',
    source: { paper: 'SafeGrad, 2025', arXiv: '2508.07172' },
    numbers: { anchors: 8 },
    needsAlignment: true,
    needsAnchors: true,
  },
  freeze: {
    name: 'Freezing of safety units (SSAH-style)',
    help: 'Does not train the rows of weights that matter most for safety and least for the harmless pictures.',
    source: SSAH,
    numbers: { share: 1.4 },
    needsAlignment: true,
    needsAnchors: true,
  },
  'freeze-random': {
    name: 'Freezing at random (control)',
    help: 'Does not train as many rows of weights, drawn at random: what freezing does without choosing.',
    source: SSAH,
    numbers: { share: 1.4 },
    needsAlignment: false,
    needsAnchors: false,
  },
  'freeze-attn2': {
    name: 'Freezing of the cross-attention (control)',
    help: 'Trains nothing that reads the prompt.',
    source: SSAH,
    numbers: {},
    needsAlignment: false,
    needsAnchors: false,
  },
  'safe-lora': {
    name: 'Safe LoRA',
    help: 'Projects changes of weights that disagree with the alignment on what the alignment changed.',
    source: SAFE_LORA,
    numbers: { tau: 0.5 },
    needsAlignment: true,
    needsAnchors: false,
  },
  'safe-lora-projector': {
    name: 'Safe LoRA with a true projection',
    help: 'Safe LoRA with the orthogonal projection on what the alignment changed, which the published matrix is not.',
    source: SAFE_LORA,
    numbers: { tau: 0.5 },
    needsAlignment: true,
    needsAnchors: false,
  },
  shaping: {
    name: 'Dynamic shaping (STAR-DSS-style)',
    help: 'Turns training pictures that the safety judges flag towards what the aligned model draws; does nothing where none is flagged.',
    source: { paper: 'STAR-DSS, 2025, as an analogue for pictures', arXiv: '2505.17196' },
    numbers: { strength: 1 },
    needsAlignment: true,
    needsAnchors: false,
  },
} as const satisfies Record<string, MitigationMethod>
export type MitigationId = keyof typeof MITIGATIONS
export const MITIGATION_IDS = idsOf(MITIGATIONS)
/** The row of a mitigation, with what only some rows have. */
export const mitigationMethod = (id: MitigationId): MitigationMethod => MITIGATIONS[id]
/** The numbers a mitigation takes, in the table's order. */
export const mitigationNumbers = (id: MitigationId): MitigationNumber[] =>
  idsOf(MITIGATION_NUMBERS).filter((name) => mitigationMethod(id).numbers[name] !== undefined)
