/** Alignment in closed form on cross-attention weights: the algorithms behind `methods/closedForm`. */
export { alignClosedForm, alignmentFile, isTextProjection } from './align'
export type { EditRows, LowRank, Projections } from './closedForm'
export { mace } from './mace'
export { rece } from './rece'
export { coOccurringRows, conceptRows, type EncodedText } from './rows'
export { speed } from './speed'
export { uce } from './uce'
