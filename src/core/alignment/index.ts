/** Alignment in closed form on cross-attention weights: UCE, RECE, MACE stage 1. */
export { alignClosedForm, alignmentFile, isTextProjection, MACE_TEMPLATES, RECE_MU, type EncodeTexts } from './align'
export {
  applyLowRank,
  mace,
  rece,
  uce,
  uceGeneral,
  type EditOptions,
  type EditRows,
  type LowRank,
  type Projection,
  type Projections,
} from './closedForm'
export { coOccurringRows, conceptRows, type EncodedText } from './rows'
