/**
 * Alignments in closed form, computed in the browser from the weights of cross-attention and the text encoder alone.
 * A row here and a function in `core/alignment` (the build fails while it is missing there) make a method.
 */
import { idsOf, type Method, type MethodNumber } from './method'

/** What closed-form methods can be given, by its name in a specification. */
export const CLOSED_FORM_NUMBERS = {
  eraseScale: {
    label: 'Erase weight',
    help: "Weight of the erased concepts in a closed-form method; empty: the method's own.",
    unit: null,
    low: 0,
    high: 1000,
    whole: false,
  },
  preserveScale: {
    label: 'Keep weight',
    help: "Weight of the preserved concepts; empty: the method's own.",
    unit: null,
    low: 0,
    high: 1000,
    whole: false,
  },
  lambda: {
    label: 'Ridge λ',
    help: "Ridge of a closed-form method; empty: the method's own.",
    unit: null,
    low: 1e-9,
    high: 1000,
    whole: false,
  },
  rounds: {
    label: 'Rounds',
    help: "Rounds of a closed-form method that works in rounds; empty: the method's own.",
    unit: 'rounds',
    low: 1,
    high: 20,
    whole: true,
  },
} as const satisfies Record<string, MethodNumber>
export type ClosedFormNumber = keyof typeof CLOSED_FORM_NUMBERS

export interface ClosedFormMethod extends Method {
  /** Values that hold where none is chosen; a number that is absent does not concern the method and is stored as 1. */
  defaults: Record<Exclude<ClosedFormNumber, 'rounds'>, number> & { rounds?: number }
  /** Method of a pack's adapter that stands in for this one unless it is to be computed, and whose fine-tunes fit it. */
  shippedAs: string | null
}

export const CLOSED_FORM = {
  uce: {
    name: 'UCE',
    help: 'Rewrites how the picture network reads the forbidden words, in one calculation, and holds the harmless ones.',
    source: { paper: 'Gandikota et al., WACV 2024', arXiv: '2308.14761' },
    defaults: { eraseScale: 1, preserveScale: 1, lambda: 0.5 },
    shippedAs: 'uce',
  },
  rece: {
    name: 'RECE',
    help: 'UCE, then rounds that look for what still evokes the forbidden words and rewrite that as well.',
    source: { paper: 'Gong et al., ECCV 2024', arXiv: '2407.12383' },
    defaults: { eraseScale: 1, preserveScale: 0.1, lambda: 0.1, rounds: 3 },
    shippedAs: 'rece',
  },
  mace: {
    name: 'MACE',
    help: 'The first stage of MACE: rewrites the words around a forbidden one, so that they no longer carry it.',
    source: { paper: 'Lu et al., CVPR 2024', arXiv: '2403.06135' },
    // UCE's λ: the paper's λ₁ = 0.1 weighs a fixed set of general captions, which a pack does not bring.
    defaults: { eraseScale: 1, preserveScale: 1, lambda: 0.5 },
    shippedAs: null,
  },
  speed: {
    name: 'SPEED',
    help: 'Rewrites the forbidden words only in directions that the harmless ones do not use, so that these stay.',
    source: { paper: 'Li et al., ICLR 2026', arXiv: '2503.07392' },
    defaults: { eraseScale: 1, preserveScale: 0.7, lambda: 0.5 },
    shippedAs: null,
  },
} as const satisfies Record<string, ClosedFormMethod>
export type ClosedFormId = keyof typeof CLOSED_FORM
export const CLOSED_FORM_IDS = idsOf(CLOSED_FORM)
export const isClosedForm = (id: string): id is ClosedFormId => Object.hasOwn(CLOSED_FORM, id)
/** The row of a method, with what only some rows have. */
export const closedFormMethod = (id: ClosedFormId): ClosedFormMethod => CLOSED_FORM[id]
