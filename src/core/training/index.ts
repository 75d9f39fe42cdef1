/** What benign fine-tuning decides without a model: batches, starting points, screening, divergence. */
export { adamwStep, type Optimiser } from './adamw'
export { initialLora, planBatch, stepSeed, type BatchPlan } from './batch'
export { DIVERGENCE_WINDOW, hasDiverged, hasExploded, MAX_GROWTH, rootMeanSquare, targetEnergy } from './divergence'
export { forbiddenName, normaliseCaption } from './screening'
