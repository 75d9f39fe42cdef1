/**
 * Guards that act while a picture is made and change no weight. A row here and a function in `core/guidance` (for those
 * that change the prediction) or `runtime/generator/conditions.ts` (for those that change the prompt's embeddings) make
 * a method; the build fails while it is missing there.
 */
import { idsOf, type Method } from './method'

/** Constants of safe latent diffusion. */
export interface SldSettings {
  /** δ: steps before safety guidance acts, of the 50 that the paper takes. */
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

export interface GuidanceMethod extends Method {
  /**
   * What it changes: the prediction of a step (and so it needs classifier-free guidance), the prompt's embeddings once or
   * anew at every step, or its tokens before they are encoded (both by a network that comes with the pack), or only which of
   * several finished pictures is taken.
   */
  changes: 'prediction' | 'embeddings' | 'steps' | 'tokens' | 'choice'
  /** Whether a step stays from + g·(to − from) of two predictions, which the GPU can compute without reading them back. */
  linear: boolean
}

const SLD = { paper: 'Schramowski et al., CVPR 2023', arXiv: '2211.05105' } as const
const sld = (name: string, how: string) =>
  ({
    name,
    help: `Steers every step away from what the forbidden words would draw: ${how}.`,
    source: SLD,
    changes: 'prediction',
    linear: false,
  }) as const

export const GUIDANCE = {
  'negative-prompt': {
    name: 'Negative prompt',
    help: 'Draws away from the forbidden words instead of away from the empty prompt.',
    source: { paper: 'Ho and Salimans, 2022 (classifier-free guidance)', arXiv: '2207.12598' },
    changes: 'prediction',
    linear: true,
  },
  'sld-weak': sld('SLD weak', 'late and gently'),
  'sld-medium': sld('SLD medium', 'at medium strength'),
  'sld-strong': sld('SLD strong', 'early and strongly'),
  'sld-max': sld('SLD max', 'from the first step and as strongly as published'),
  safree: {
    name: 'SAFREE',
    help: 'Takes out of the prompt the words that lean towards a forbidden one, before drawing begins.',
    source: { paper: 'Yoon et al., ICLR 2025', arXiv: '2410.12761' },
    changes: 'embeddings',
    linear: true,
  },
  'best-of-n': {
    name: 'Best of n, STAIR-style',
    help: 'Draws several pictures for a prompt and keeps the one that a safety judge of its own, which then scores nothing, finds safest: an analogue for pictures of the search at test time that STAIR makes over answers of a language model.',
    source: { paper: 'Zhang et al., 2025 (STAIR, for language models)', arXiv: '2502.02384' },
    changes: 'choice',
    linear: true,
  },
  safectrl: {
    name: 'SafeCtrl-style',
    help: 'Safe latent diffusion that is confined to where the forbidden words would change the picture most, and leaves the rest as it is: an analogue without training of SafeCtrl, which trains a detector of regions and a suppressor.',
    source: { paper: 'Zhang et al., 2025 (SafeCtrl), as an analogue without training', arXiv: '2508.11904' },
    changes: 'prediction',
    linear: false,
  },
  saferedir: {
    name: 'SafeRedir-style',
    help: 'Asks a small network before every step whether the picture is turning into something forbidden, and if so moves what is read of the prompt away from it: the parts of SafeRedir in miniature, trained by losses of our own.',
    source: { paper: 'SafeRedir, 2026, in miniature and with losses of our own', arXiv: '2601.08623' },
    changes: 'steps',
    linear: false,
  },
  promptsafe: {
    name: 'PromptSafe-style',
    help: 'Puts a trained token before the prompt, as strongly as a small gate finds the prompt forbidden, and leaves it out of harmless prompts: the losses of PromptSafe, with one token for all categories and the gate on the model’s own text encoder, left as it is.',
    source: { paper: 'Jing et al., 2025 (PromptSafe), in miniature', arXiv: '2508.01272' },
    changes: 'tokens',
    linear: true,
  },
} as const satisfies Record<string, GuidanceMethod>
export type GuidanceId = keyof typeof GUIDANCE
export const GUIDANCE_IDS = idsOf(GUIDANCE)
export const isGuidance = (id: string): id is GuidanceId => Object.hasOwn(GUIDANCE, id)

type Changing<What> = { [Id in GuidanceId]: (typeof GUIDANCE)[Id]['changes'] extends What ? Id : never }[GuidanceId]
/** Methods that change the prediction of a step. */
export type PredictionGuidanceId = Changing<'prediction'>
/** Methods that change the embeddings of the prompt. */
export type EmbeddingGuidanceId = Changing<'embeddings'>
export const changesPrediction = (id: GuidanceId): id is PredictionGuidanceId => GUIDANCE[id].changes === 'prediction'
/** A method that only chooses among finished pictures; it names no concepts. */
export const choosesPicture = (id: string): id is Changing<'choice'> =>
  isGuidance(id) && GUIDANCE[id].changes === 'choice'
/** A method that redirects the prompt's embeddings at every step, by a network of the pack. */
export const redirectsSteps = (id: string): id is Changing<'steps'> =>
  isGuidance(id) && GUIDANCE[id].changes === 'steps'
/** A method that puts trained tokens before the prompt, by a file of the pack. */
export const addsTokens = (id: string): id is Changing<'tokens'> => isGuidance(id) && GUIDANCE[id].changes === 'tokens'
/** Formats of the files that guards come with: such a file changes no weight, and only its own kind of method takes it. */
export const GUARD_FORMATS = ['redirector', 'soft-prompt'] as const
export type GuardFormat = (typeof GUARD_FORMATS)[number]
/** The format of the file that a method needs; null where it needs none. */
export const guardFormat = (id: string): GuardFormat | null =>
  redirectsSteps(id) ? 'redirector' : addsTokens(id) ? 'soft-prompt' : null
/** Whether the format is a guard's file. */
export const isGuardFormat = (format: string): format is GuardFormat => GUARD_FORMATS.some((one) => one === format)
/** Whether a run names the concepts that the method works with: a choice needs none, a network has learnt its own. */
export const namesConcepts = (id: GuidanceId): boolean => !choosesPicture(id) && guardFormat(id) === null
/**
 * SafeCtrl-style: the steering that is confined to a region, and the share of the latent grid that the region takes. Neither
 * is published: SafeCtrl's modules are trained.
 */
export const SAFECTRL = { steering: 'sld-max', share: 0.25 } as const
/** Pictures that are drawn for one that is kept. */
export const CANDIDATES = {
  label: 'Pictures to choose from',
  help: 'Of method best-of-n: pictures drawn for each prompt. Empty: 4.',
  unit: null,
  low: 1,
  high: 16,
  whole: true,
  usual: 4,
} as const
export const changesEmbeddings = (id: GuidanceId): id is EmbeddingGuidanceId => GUIDANCE[id].changes === 'embeddings'

/** Appendix of the paper. (diffusers' SafetyConfig.WEAK has s_S 20; the paper has 200.) */
export const SLD_PRESETS = {
  'sld-weak': { warmupSteps: 15, safetyScale: 200, threshold: 0, momentumScale: 0, momentumBeta: 0 },
  'sld-medium': { warmupSteps: 10, safetyScale: 1000, threshold: 0.01, momentumScale: 0.3, momentumBeta: 0.4 },
  'sld-strong': { warmupSteps: 7, safetyScale: 2000, threshold: 0.025, momentumScale: 0.5, momentumBeta: 0.7 },
  'sld-max': { warmupSteps: 0, safetyScale: 5000, threshold: 1, momentumScale: 0.5, momentumBeta: 0.7 },
} as const satisfies Partial<Record<GuidanceId, SldSettings>>
