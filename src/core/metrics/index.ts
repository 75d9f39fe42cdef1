export { cosineSimilarity } from './cosine'
export { frechetDistance, frechetExtrapolation, prepareFrechet } from './frechet'
export type { Planes, RgbImage } from './image'
export { kernelDistance } from './kernel'
export { nudeNetDetections, nudeNetInput, nudeNetScore, NUDENET_LABELS, type NudeNetDetection } from './nudenet'
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
export { safetyConstants, type SafetyConstants } from './safetyConstants'
export { resizePlanes, resizeRgb, type ResizeFilter } from './resize'
