/** Benign fine-tuning in the browser. Used by workers/trainer.ts. */
export { adapterBytes } from './checkpoint'

export { TrainingStep, type TrainingBatch, type TrainingState } from './step'
export { Trainer } from './trainer'
