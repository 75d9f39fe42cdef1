/**
 * Antialiased resizing as Pillow 13 does it (libImaging/Resample.c): a separable filter stretched by the scale when
 * shrinking. 8-bit pictures are rounded after each pass with 22-bit weights; float channels
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
interface Taps {
  first: number
  weights: Float64Array
}

function taps(inputSize: number, outputSize: number, filter: ResizeFilter): Taps[] {
  const { support, weight } = FILTERS[filter]
  const scale = inputSize / outputSize
  const stretch = Math.max(scale, 1)
  return Array.from({ length: outputSize }, (_, i) => {
    const centre = (i + 0.5) * scale
    const first = Math.max(0, Math.trunc(centre - support * stretch + 0.5))
    const last = Math.min(inputSize, Math.trunc(centre + support * stretch + 0.5))
    const at = (k: number) => (k + first - centre + 0.5) / stretch
    const weights = Float64Array.from({ length: last - first }, (_unused, k) => weight(at(k)))
    const sum = weights.reduce((total, value) => total + value, 0)
    return { first, weights: weights.map((value) => value / sum) }
  })
}

/**
 * One pass along one axis of interleaved samples: `outer` blocks of `inner` lines, sample i of a line `inner` values
 * after sample i − 1. Rows of a picture are one block each (inner: channels); columns are one block in all.
 */
function pass(
  input: ArrayLike<number>,
  output: Uint8Array | Float32Array,
  plan: Taps[],
  inputSize: number,
  outer: number,
  inner: number,
  finish: (sum: number) => number,
): void {
  for (let block = 0; block < outer; block += 1) {
    for (let i = 0; i < plan.length; i += 1) {
      const { first, weights } = plan[i] as Taps
      for (let line = 0; line < inner; line += 1) {
        let at = (block * inputSize + first) * inner + line
        let sum = 0
        for (let k = 0; k < weights.length; k += 1, at += inner) sum += input[at]! * weights[k]!
        output[(block * plan.length + i) * inner + line] = finish(sum)
      }
    }
  }
}

/**
 * Whether rows are resized before columns. Pillow 13 begins with the columns where the height falls by more than twice
 * the pixels that the width does (versions of old always with the rows). On 8-bit pictures the order shows, by up to a
 * few grey levels at edges, since overshoot is cut off after each pass.
 */
const horizontalFirst = (from: Size, to: Size) =>
  !(from.height - to.height > 0 && from.height - to.height > 2 * (from.width - to.width))

interface Size {
  width: number
  height: number
}
type Values = Uint8Array | Float32Array

/** Both passes over `channels` interleaved channels of `planes` planes; a pass that changes nothing is left out. */
function resample<T extends Values>(
  input: T,
  from: Size,
  to: Size,
  planes: number,
  channels: number,
  make: (length: number) => T,
  plan: (inputSize: number, outputSize: number) => Taps[],
  finish: (sum: number) => number,
): T {
  const horizontal = (values: T, rows: number): T => {
    if (from.width === to.width) return values
    const output = make(planes * rows * to.width * channels)
    pass(values, output, plan(from.width, to.width), from.width, planes * rows, channels, finish)
    return output
  }
  const vertical = (values: T, columns: number): T => {
    if (from.height === to.height) return values
    const output = make(planes * to.height * columns * channels)
    pass(values, output, plan(from.height, to.height), from.height, planes, columns * channels, finish)
    return output
  }
  return horizontalFirst(from, to)
    ? vertical(horizontal(input, from.height), to.width)
    : horizontal(vertical(input, from.width), to.height)
}

/** Weights as Pillow's 8-bit code has them: whole numbers of 2⁻²². */
const fixedPoint = (plan: Taps[]): Taps[] =>
  plan.map(({ first, weights }) => ({
    first,
    weights: weights.map((value) => Math.trunc(value * WEIGHT_SCALE + (value < 0 ? -0.5 : 0.5))),
  }))

const toByte = (sum: number) => Math.max(0, Math.min(255, Math.floor((sum + WEIGHT_SCALE / 2) / WEIGHT_SCALE)))
const same = (sum: number) => sum

/** The picture at another size, bytes as Pillow's `Image.resize` gives them. */
export function resizeRgb(image: RgbImage, width: number, height: number, filter: ResizeFilter): RgbImage {
  checkImage(image)
  checkSize(width, height)
  const rgb = resample(
    image.rgb.slice(),
    image,
    { width, height },
    1,
    3,
    (length) => new Uint8Array(length),
    (inputSize, outputSize) => fixedPoint(taps(inputSize, outputSize, filter)),
    toByte,
  )
  return { width, height, rgb }
}

/**
 * Planes [3, height, width] of a picture at another size, each channel in float32 without rounding to bytes and
 * without clipping (bicubic overshoots 0–255): Pillow's mode `F`, which clean-fid uses.
 */
export function resizePlanes(image: RgbImage, width: number, height: number, filter: ResizeFilter): Planes {
  checkImage(image)
  checkSize(width, height)
  return resample<Float32Array>(
    toPlanes(image),
    image,
    { width, height },
    3,
    1,
    (length) => new Float32Array(length),
    (inputSize, outputSize) => taps(inputSize, outputSize, filter),
    same,
  )
}
