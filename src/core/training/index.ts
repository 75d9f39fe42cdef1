/** What benign fine-tuning decides without a model: batches, starting points, screening, divergence. */
export { adamwStep, type Optimiser } from './adamw'
export { initialLora, planBatch, stepSeed } from './batch'
export { HELD_OUT_SIGMAS, heldOutNoise, heldOutPictures } from './heldOut'
export { hasDiverged, hasExploded, rootMeanSquare, targetEnergy } from './divergence'
export { forbiddenName, normaliseCaption } from './screening'
