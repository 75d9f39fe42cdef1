/** The rules of the mitigations in `methods/mitigations`, on flat vectors of parameters; what runs them is the trainer. */
export { average, averagedDeltas, startAverage } from './ema'
export { interpolate } from './interpolate'
export { denseDelta, loraModules, type Layout } from './layout'
export { pullBack } from './proximal'
export { addAgain } from './reAdd'
export { assertMitigable, changesWeights } from './refusals'
