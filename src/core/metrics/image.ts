import { SpqrError } from '../contracts'

/** A picture: RGB, row-major, three bytes a pixel. */
export interface RgbImage {
  width: number
  height: number
  rgb: Uint8Array
}

/** Planes of red, green and blue, each row-major: [3, height, width]. */
export type Planes = Float32Array

/** Refuses a picture whose bytes do not fit its size. */
export function checkImage({ width, height, rgb }: RgbImage): void {
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0
  if (whole && rgb.length === width * height * 3) return
  throw new SpqrError(
    'BAD_IMAGE',
    `A picture of ${width} × ${height} came with ${rgb.length} bytes instead of three a pixel.`,
  )
}

/** Refuses a size that no picture can have. */
export function checkSize(width: number, height: number): void {
  if (Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0) return
  throw new SpqrError('BAD_INPUT', `A picture cannot be resized to ${width} × ${height}.`)
}

/** The planes of a picture, 0–255. */
export function toPlanes({ width, height, rgb }: RgbImage): Planes {
  const size = width * height
  const planes = new Float32Array(3 * size)
  for (let i = 0; i < size; i += 1) {
    for (let channel = 0; channel < 3; channel += 1) planes[channel * size + i] = rgb[3 * i + channel] ?? 0
  }
  return planes
}

/** (value·scale − mean)/std for each channel, in place: the usual last step of preprocessing. */
export function normalise(
  planes: Planes,
  scale: number,
  mean: readonly [number, number, number],
  std: readonly [number, number, number],
): Planes {
  const size = planes.length / 3
  for (let channel = 0; channel < 3; channel += 1) {
    for (let i = channel * size; i < (channel + 1) * size; i += 1) {
      planes[i] = ((planes[i] ?? 0) * scale - (mean[channel] ?? 0)) / (std[channel] ?? 1)
    }
  }
  return planes
}
