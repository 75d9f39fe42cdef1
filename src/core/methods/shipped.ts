/**
 * Alignments whose weights come with a pack, by the method its manifest names. They were made by the pack's recipe; a
 * method that is not in this table goes by its own name. `rece` here is not the RECE that the browser computes: the
 * recipe's also holds what earlier rounds erased, and is called RECE-held for that. The study ran the recipe's.
 */
import type { Method } from './method'

export interface ShippedMethod extends Method {
  kind: 'trained' | 'closed-form'
}

const ESD = { paper: 'Gandikota et al., ICCV 2023', arXiv: '2303.07345' } as const

export const SHIPPED = {
  'esd-x': {
    kind: 'trained',
    name: 'ESD-x',
    help: 'Trains the cross-attention to predict away from the forbidden words.',
    source: ESD,
  },
  'esd-u': {
    kind: 'trained',
    name: 'ESD-u',
    help: 'Trains everything but the cross-attention to predict away from the forbidden words.',
    source: ESD,
  },
  spm: {
    kind: 'trained',
    name: 'SPM',
    help: 'Trains a membrane of rank one that lets harmless prompts pass and stops forbidden ones.',
    source: { paper: 'Lyu et al., CVPR 2024', arXiv: '2312.16145' },
  },
  salun: {
    kind: 'trained',
    name: 'SalUn',
    help: 'Relabels the forbidden concepts, training only the weights that they depend on most.',
    source: { paper: 'Fan et al., ICLR 2024', arXiv: '2310.12508' },
  },
  'safer-clip': {
    kind: 'trained',
    name: 'SaFeR-CLIP-style',
    help: 'Trains the text encoder to read a forbidden prompt as the harmless one that is nearest to it, by its tokens alone, where SaFeR-CLIP also draws texts and pictures together.',
    source: { paper: 'SaFeR-CLIP, 2025, on the text side alone', arXiv: '2511.16743' },
  },
  'safe-clip': {
    kind: 'trained',
    name: 'Safe-CLIP-style',
    help: 'Trains the text encoder to read a forbidden prompt as a harmless one that was chosen for it beforehand, by its tokens alone, where Safe-CLIP also draws texts and pictures together.',
    source: { paper: 'Poppi et al., ECCV 2024, on the text side alone', arXiv: '2311.16254' },
  },
  resalign: {
    kind: 'trained',
    name: 'ResAlign-style',
    help: 'Trains a low-rank adapter of the picture network so that the forbidden words stay forgotten even after a harmless fine-tune, which is imitated during training.',
    source: {
      paper: 'Li et al., NeurIPS 2025, first order, with a fine-tune carried from step to step',
      arXiv: '2507.16302',
    },
  },
  uce: {
    kind: 'closed-form',
    name: 'UCE',
    help: "Rewrites how the picture network reads the forbidden words, over many wordings and the pack's languages.",
    source: { paper: 'Gandikota et al., WACV 2024', arXiv: '2308.14761' },
  },
  rece: {
    kind: 'closed-form',
    name: 'RECE-held',
    help: 'RECE that also holds what earlier rounds erased, so that a later round does not bring it back.',
    source: { paper: "Gong et al., ECCV 2024, with the pack's extension", arXiv: '2407.12383' },
  },
} as const satisfies Record<string, ShippedMethod>

const rows: Readonly<Record<string, ShippedMethod>> = SHIPPED
/** The row of a pack's method; undefined where the pack brings one that this version does not know. */
export const shippedMethod = (method: string): ShippedMethod | undefined =>
  Object.hasOwn(rows, method) ? rows[method] : undefined
