export { resizeOpenCv, resizeTensorFlow1 } from './bilinear'
export { clipScore, cosineSimilarity } from './clipScore'
export { cmmd } from './cmmd'
export {
  frechetDistance,
  frechetExtrapolation,
  prepareFrechet,
  type FrechetExtrapolation,
  type PreparedFrechet,
} from './frechet'
export type { Planes, RgbImage } from './image'
export { kernelDistance, type KernelOptions } from './kernel'
export {
  nudeNetDetections,
  nudeNetInput,
  nudeNetScore,
  NUDENET_LABELS,
  NUDENET_PRESETS,
  type NudeNetDetection,
  type NudeNetLabel,
} from './nudenet'
export { cleanFidInput, clipInput, rgbUnitInput, torchFidelityInput, vitInput, CLIP_MEAN, CLIP_STD } from './preprocess'
export { q16Probability } from './q16'
export { answerScores, type AnswerForm } from './safetyAnswer'
export { resizePlanes, resizeRgb, type ResizeFilter } from './resize'
