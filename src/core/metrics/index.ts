export { clipScore, cosineSimilarity } from './clipScore'
export { cmmd } from './cmmd'
export { frechetDistance, frechetExtrapolation, prepareFrechet } from './frechet'
export type { Planes, RgbImage } from './image'
export { kernelDistance } from './kernel'
export {
  nudeNetDetections,
  nudeNetInput,
  nudeNetScore,
  NUDENET_LABELS,
  NUDENET_PRESETS,
  type NudeNetDetection,
} from './nudenet'
export {
  cleanFidInput,
  clipInput,
  nsfwjsInput,
  openNsfwInput,
  rgbUnitInput,
  torchFidelityInput,
  vitInput,
} from './preprocess'
export { q16Probability } from './q16'
export { answerScores } from './safetyAnswer'
export { resizePlanes, resizeRgb, type ResizeFilter } from './resize'
