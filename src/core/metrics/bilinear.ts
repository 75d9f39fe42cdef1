/** Bilinear interpolation without antialiasing: TensorFlow 1.x's (torch-fidelity) and OpenCV's (NudeNet). */
import { checkImage, checkSize, toPlanes, type Planes, type RgbImage } from './image'

/** Where output sample i reads: `low` and `high`, and the share of `high`. */
interface Pair {
  low: number
  high: number
  share: number
}

function pairs(inputSize: number, outputSize: number, position: (i: number, scale: number) => number): Pair[] {
  const scale = inputSize / outputSize
  return Array.from({ length: outputSize }, (_, i) => {
    const at = Math.max(0, Math.min(inputSize - 1, position(i, scale)))
    const low = Math.floor(at)
    return { low, high: Math.min(low + 1, inputSize - 1), share: at - low }
  })
}

function interpolate(
  image: RgbImage,
  width: number,
  height: number,
  position: (i: number, scale: number) => number,
): Planes {
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

/** cv2.resize with INTER_LINEAR on 8-bit pictures: pixel centres aligned, rounded to bytes (to one grey level). */
export function resizeOpenCv(image: RgbImage, width: number, height: number): Planes {
  return interpolate(image, width, height, (i, scale) => (i + 0.5) * scale - 0.5).map(Math.round)
}
