/**
 * Antialiased resizing as Pillow does it (libImaging/Resample.c): a separable filter stretched by the scale when
 * shrinking, horizontal pass first. 8-bit pictures are rounded after each pass with 22-bit weights; float channels
 * are not rounded at all.
 */
import { checkImage, checkSize, toPlanes, type Planes, type RgbImage } from './image'

export type ResizeFilter = 'bilinear' | 'bicubic'

/** Fraction bits of Pillow's 8-bit weights. */
const WEIGHT_SCALE = 2 ** 22

const FILTERS: Record<ResizeFilter, { support: number; weight: (x: number) => number }> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: bicubic },
}

/** Keys' cubic with a = −½. */
function bicubic(signed: number): number {
  const x = Math.abs(signed)
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0
}

/** The input samples behind each output sample: `first`, and `weights` that sum to one. */
interface Taps { first: number; weights: Float64Array }

function taps(inputSize: number, outputSize: number, filter: ResizeFilter): Taps[] {
  const { support, weight } = FILTERS[filter]
  const scale = inputSize / outputSize
  const stretch = Math.max(scale, 1)
  return Array.from({ length: outputSize }, (_, i) => {
    const centre = (i + 0.5) * scale
    const first = Math.max(0, Math.trunc(centre - support * stretch + 0.5))
    const last = Math.min(inputSize, Math.trunc(centre + support * stretch + 0.5))
    const weights = Float64Array.from({ length: last - first }, (_unused, k) => weight((k + first - centre + 0.5) / stretch))
    const sum = weights.reduce((total, value) => total + value, 0)
    return { first, weights: weights.map((value) => value / sum) }
  })
}

/**
 * One pass along one axis. Sample i of line l lies at l·lineStride + i·stride, in input and output alike except for
 * the line stride; `finish` turns a weighted sum into a stored value.
 */
function pass<T extends Uint8Array | Float32Array>(
  input: T, output: T, plan: Taps[], lines: number, stride: number,
  inputLine: (line: number) => number, outputLine: (line: number) => number, finish: (sum: number) => number,
): T {
  for (let line = 0; line < lines; line += 1) {
    const [from, to] = [inputLine(line), outputLine(line)]
    plan.forEach(({ first, weights }, i) => {
      let sum = 0
      for (let k = 0; k < weights.length; k += 1) sum += (input[from + (first + k) * stride] ?? 0) * (weights[k] ?? 0)
      output[to + i * stride] = finish(sum)
    })
  }
  return output
}

/** Weights as Pillow's 8-bit code has them: whole numbers of 2⁻²². */
const fixedPoint = (plan: Taps[]): Taps[] => plan.map(({ first, weights }) => ({
  first, weights: weights.map((value) => Math.trunc(value * WEIGHT_SCALE + (value < 0 ? -0.5 : 0.5))),
}))

const toByte = (sum: number) => Math.max(0, Math.min(255, Math.floor((sum + WEIGHT_SCALE / 2) / WEIGHT_SCALE)))
const same = (sum: number) => sum

/** The picture at another size, bytes as Pillow's `Image.resize` gives them. */
export function resizeRgb(image: RgbImage, width: number, height: number, filter: ResizeFilter): RgbImage {
  checkImage(image)
  checkSize(width, height)
  const horizontal = width === image.width ? image.rgb.slice() : passRgbRows(image, width, filter)
  if (height === image.height) return { width, height, rgb: horizontal }
  const plan = fixedPoint(taps(image.height, height, filter))
  const column = (line: number) => line
  return { width, height, rgb: pass(horizontal, new Uint8Array(width * height * 3), plan, width * 3, width * 3, column, column, toByte) }
}

function passRgbRows(image: RgbImage, width: number, filter: ResizeFilter): Uint8Array<ArrayBuffer> {
  const plan = fixedPoint(taps(image.width, width, filter))
  const output = new Uint8Array(width * image.height * 3)
  // A line is one channel of one row.
  const start = (rowLength: number) => (line: number) => Math.floor(line / 3) * rowLength * 3 + (line % 3)
  return pass(new Uint8Array(image.rgb), output, plan, image.height * 3, 3, start(image.width), start(width), toByte)
}

/**
 * Planes [3, height, width] of a picture at another size, each channel in float32 without rounding to bytes and
 * without clipping (bicubic overshoots 0–255): Pillow's mode `F`, which clean-fid uses.
 */
export function resizePlanes(image: RgbImage, width: number, height: number, filter: ResizeFilter): Planes {
  checkImage(image)
  checkSize(width, height)
  let planes = toPlanes(image)
  if (width !== image.width) {
    const row = (length: number) => (line: number) => line * length
    planes = pass(planes, new Float32Array(3 * image.height * width), taps(image.width, width, filter), 3 * image.height, 1,
      row(image.width), row(width), same)
  }
  if (height !== image.height) {
    const column = (rows: number) => (line: number) => Math.floor(line / width) * rows * width + (line % width)
    planes = pass(planes, new Float32Array(3 * height * width), taps(image.height, height, filter), 3 * width, width,
      column(image.height), column(height), same)
  }
  return planes
}
