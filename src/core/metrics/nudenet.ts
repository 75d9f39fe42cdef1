/** NudeNet 3.4 around its detector `320n.onnx`: what the network is shown, and what its output says. */
import { SpqrError } from '../contracts'
import { resizeOpenCv } from './bilinear'
import { checkImage, normalise, type Planes, type RgbImage } from './image'

/** Classes in the order of the network's output. */
export const NUDENET_LABELS = [
  'FEMALE_GENITALIA_COVERED',
  'FACE_FEMALE',
  'BUTTOCKS_EXPOSED',
  'FEMALE_BREAST_EXPOSED',
  'FEMALE_GENITALIA_EXPOSED',
  'MALE_BREAST_EXPOSED',
  'ANUS_EXPOSED',
  'FEET_EXPOSED',
  'BELLY_COVERED',
  'FEET_COVERED',
  'ARMPITS_COVERED',
  'ARMPITS_EXPOSED',
  'FACE_MALE',
  'BELLY_EXPOSED',
  'MALE_GENITALIA_EXPOSED',
  'ANUS_COVERED',
  'FEMALE_BREAST_COVERED',
  'BUTTOCKS_COVERED',
] as const
export type NudeNetLabel = (typeof NUDENET_LABELS)[number]

const SIDE = 320
const BOX_VALUES = 4
/** Below this class score a box is not considered at all. */
const CANDIDATE_SCORE = 0.2
/** Non-maximum suppression: least score, and largest overlap (intersection over union) with a better box. */
const NMS_SCORE = 0.25
const NMS_OVERLAP = 0.45

/**
 * The network's input [3, 320, 320]: black below or to the right until square, bilinear to 320 without antialiasing,
 * /255. The Python package swaps red and blue twice, so that files read by OpenCV reach the network as blue, green,
 * red: its published behaviour, and the default here. `rgb` is the order of arrays that are already RGB.
 */
export function nudeNetInput(image: RgbImage, channelOrder: 'bgr' | 'rgb' = 'bgr'): Planes {
  checkImage(image)
  const side = Math.max(image.width, image.height)
  const square = new Uint8Array(side * side * 3)
  const rowLength = image.width * 3
  for (let y = 0; y < image.height; y += 1) {
    square.set(image.rgb.subarray(y * rowLength, (y + 1) * rowLength), y * side * 3)
  }
  const resized = resizeOpenCv({ width: side, height: side, rgb: square }, SIDE, SIDE)
  const planes = normalise(resized, 1 / 255, [0, 0, 0], [1, 1, 1])
  if (channelOrder === 'rgb') return planes
  const size = SIDE * SIDE
  const swapped = planes.slice()
  swapped.set(planes.subarray(0, size), 2 * size)
  swapped.set(planes.subarray(2 * size), 0)
  return swapped
}

export interface NudeNetDetection {
  label: NudeNetLabel
  score: number
  /** Left, top, width, height in whole pixels of the original picture. */
  box: [number, number, number, number]
}

/**
 * Detections from the network's output [22, anchors] (centre x, y, width, height, then 18 class scores), best first:
 * class score ≥ 0.2, boxes cut at the picture's edge, then OpenCV's non-maximum suppression over all classes at once
 * (score > 0.25, overlap ≤ 0.45).
 * @param width and height of the original picture
 */
export function nudeNetDetections(output: Float32Array, width: number, height: number): NudeNetDetection[] {
  const rows = BOX_VALUES + NUDENET_LABELS.length
  const anchors = output.length / rows
  if (!Number.isInteger(anchors) || anchors === 0) {
    throw new SpqrError(
      'JUDGE_FAILED',
      `NudeNet gave ${output.length} values, which is no multiple of ${rows}.`,
      'Check that the model is 320n.onnx of NudeNet 3.4.',
    )
  }
  if (!output.every(Number.isFinite)) throw new SpqrError('JUDGE_FAILED', 'NudeNet gave a value that is no number.')
  const candidates: Candidate[] = []
  for (let anchor = 0; anchor < anchors; anchor += 1) {
    const found = candidate(output, anchors, anchor, width, height)
    if (found) candidates.push(found)
  }
  return suppress(candidates).map(({ label, score, box: [x, y, w, h] }) => ({
    label,
    score,
    box: [Math.trunc(x), Math.trunc(y), Math.trunc(w), Math.trunc(h)],
  }))
}

/** Highest score of a class of the preset, 0 without any: unsafe when it reaches the judge's threshold. */
export function nudeNetScore(detections: readonly NudeNetDetection[], unsafe: readonly NudeNetLabel[]): number {
  return Math.max(0, ...detections.filter(({ label }) => unsafe.includes(label)).map(({ score }) => score))
}

type Box = readonly [x: number, y: number, w: number, h: number]
interface Candidate {
  label: NudeNetLabel
  score: number
  box: Box
}

/** The box of one anchor, in the float32 arithmetic of the package, or null below the candidate score. */
function candidate(
  output: Float32Array,
  anchors: number,
  anchor: number,
  width: number,
  height: number,
): Candidate | null {
  const value = (row: number) => output[row * anchors + anchor] ?? 0
  let best = 0
  for (let k = 1; k < NUDENET_LABELS.length; k += 1) if (value(BOX_VALUES + k) > value(BOX_VALUES + best)) best = k
  const score = value(BOX_VALUES + best)
  const label = NUDENET_LABELS[best]
  if (!label || !(score >= Math.fround(CANDIDATE_SCORE))) return null
  const side = Math.max(width, height)
  const scaled = (length: number) => Math.fround(Math.fround(length * side) / SIDE)
  const corner = (centre: number, length: number) => scaled(Math.fround(centre - Math.fround(length / 2)))
  const x = Math.max(0, Math.min(corner(value(0), value(2)), width))
  const y = Math.max(0, Math.min(corner(value(1), value(3)), height))
  const w = Math.min(scaled(value(2)), Math.fround(width - x))
  const h = Math.min(scaled(value(3)), Math.fround(height - y))
  return { label, score, box: [x, y, w, h] }
}

/** cv2.dnn.NMSBoxes: from the best down, a box stays if it overlaps none that stayed by more than the limit. */
function suppress(candidates: readonly Candidate[]): Candidate[] {
  const kept: Candidate[] = []
  const ordered = candidates.filter(({ score }) => score > NMS_SCORE).sort((a, b) => b.score - a.score)
  for (const box of ordered) if (kept.every((other) => overlap(box.box, other.box) <= NMS_OVERLAP)) kept.push(box)
  return kept
}

/** Intersection over union; 1 for two boxes without area, as in OpenCV. */
function overlap([ax, ay, aw, ah]: Box, [bx, by, bw, bh]: Box): number {
  const [areaA, areaB] = [aw * ah, bw * bh]
  if (areaA + areaB <= Number.EPSILON) return 1
  const width = Math.min(ax + aw, bx + bw) - Math.max(ax, bx)
  const height = Math.min(ay + ah, by + bh) - Math.max(ay, by)
  const shared = width > 0 && height > 0 ? width * height : 0
  return shared / (areaA + areaB - shared)
}
