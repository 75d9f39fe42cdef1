/** Bilinear interpolation without antialiasing: TensorFlow 1.x's (torch-fidelity) and OpenCV's (NudeNet). */
import { roundHalfEven } from '../exact'
import { checkImage, checkSize, toPlanes, type Planes, type RgbImage } from './image'

/** Where output sample i reads: `low` and `high`, and the share of `high`. */
interface Pair {
  low: number
  high: number
  share: number
}

type Position = (i: number, scale: number, inputSize: number, outputSize: number) => number

function pairs(inputSize: number, outputSize: number, position: Position): Pair[] {
  const scale = inputSize / outputSize
  return Array.from({ length: outputSize }, (_, i) => {
    const at = Math.max(0, Math.min(inputSize - 1, position(i, scale, inputSize, outputSize)))
    const low = Math.floor(at)
    return { low, high: Math.min(low + 1, inputSize - 1), share: at - low }
  })
}

function interpolate(image: RgbImage, width: number, height: number, position: Position): Planes {
  checkImage(image)
  checkSize(width, height)
  const planes = toPlanes(image)
  const columns = pairs(image.width, width, position)
  const rows = pairs(image.height, height, position)
  const result = new Float32Array(3 * width * height)
  let k = 0
  for (let channel = 0; channel < 3; channel += 1) {
    const start = channel * image.width * image.height
    for (const row of rows) {
      const [top, bottom] = [start + row.low * image.width, start + row.high * image.width]
      for (const { low, high, share } of columns) {
        const upper = (planes[top + low] ?? 0) * (1 - share) + (planes[top + high] ?? 0) * share
        const lower = (planes[bottom + low] ?? 0) * (1 - share) + (planes[bottom + high] ?? 0) * share
        result[k] = upper * (1 - row.share) + lower * row.share
        k += 1
      }
    }
  }
  return result
}

/** tf.image.resize_bilinear of TensorFlow 1.x, align_corners false: sample i reads at i·scale. Planes, 0–255. */
export function resizeTensorFlow1(image: RgbImage, width: number, height: number): Planes {
  return interpolate(image, width, height, (i, scale) => Math.fround(i * Math.fround(scale)))
}

/** One in OpenCV's 11-bit fixed-point weights. */
const ONE = 2048

/** Where OpenCV's output samples read, with weights in 2048ths; columns outside the picture lose their fraction, rows keep it. */
function fixedPairs(inputSize: number, outputSize: number, clampShare: boolean) {
  const scale = 1 / (outputSize / inputSize)
  return Array.from({ length: outputSize }, (_, i) => {
    const at = Math.fround((i + 0.5) * scale - 0.5)
    const floor = Math.floor(at)
    const outside = clampShare && (floor < 0 || floor >= inputSize - 1)
    const share = outside ? 0 : Math.fround(at - floor)
    const inside = (k: number) => Math.max(0, Math.min(inputSize - 1, k))
    return {
      low: inside(floor),
      high: inside(floor + 1),
      lowWeight: roundHalfEven(Math.fround(Math.fround(1 - share) * ONE)),
      highWeight: roundHalfEven(Math.fround(share * ONE)),
    }
  })
}

/**
 * cv2.resize with INTER_LINEAR on 8-bit pictures, bit for bit: pixel centres aligned, 11-bit fixed-point weights, row
 * sums cut to 16 bits before the rows are mixed; a picture of exactly twice the size is averaged over 2 × 2 instead.
 * Planes of whole grey levels, 0–255.
 */
export function resizeOpenCv(image: RgbImage, width: number, height: number): Planes {
  checkImage(image)
  checkSize(width, height)
  const result = new Float32Array(3 * width * height)
  const { rgb } = image
  const stride = 3 * image.width
  const area = image.width === 2 * width && image.height === 2 * height
  const columns = fixedPairs(image.width, width, true)
  const rows = fixedPairs(image.height, height, false)
  for (let channel = 0; channel < 3; channel += 1) {
    let k = channel * width * height
    for (const row of rows) {
      const [top, bottom] = [row.low * stride + channel, row.high * stride + channel]
      for (const { low, high, lowWeight, highWeight } of columns) {
        const a = rgb[top + 3 * low] ?? 0
        const b = rgb[top + 3 * high] ?? 0
        const c = rgb[bottom + 3 * low] ?? 0
        const d = rgb[bottom + 3 * high] ?? 0
        if (area) {
          result[k] = (a + b + c + d + 2) >> 2
        } else {
          const upper = (row.lowWeight * ((a * lowWeight + b * highWeight) >> 4)) >> 16
          const lower = (row.highWeight * ((c * lowWeight + d * highWeight) >> 4)) >> 16
          result[k] = (upper + lower + 2) >> 2
        }
        k += 1
      }
    }
  }
  return result
}

/** tf.image.resizeBilinear with alignCorners (NSFWJS): the corners meet, nothing is antialiased. Planes, 0–255. */
export function resizeAlignedCorners(image: RgbImage, width: number, height: number): Planes {
  return interpolate(image, width, height, (i, _, inputSize, outputSize) =>
    outputSize > 1 ? i * Math.fround((inputSize - 1) / (outputSize - 1)) : 0,
  )
}
