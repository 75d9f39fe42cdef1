/** Benign fine-tuning in the browser. Used by workers/trainer.ts. */
export { adapterBytes, checkpointKey, CheckpointStore, runKey } from './checkpoint'
export { dataHash, encodeLatents, screenCaptions, userData, type TrainingData, type UserPicture } from './dataset'
export { TrainingStep, type TrainingBatch, type TrainingState } from './step'
export { Trainer } from './trainer'
