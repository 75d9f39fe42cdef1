/** From the decoder's output to bytes, and the refusal of pictures that are none. */
import { SpqrError } from '../../core/contracts'
import { roundHalfEven } from '../../core/exact'

const clampUnit = (x: number): number => (x < 0 ? 0 : x > 1 ? 1 : x)

/** [3, height, width] in [−1, 1] → RGB bytes, row-major: (x/2 + 0.5) clamped, × 255, rounded, in float32 as diffusers. */
export function toRgb(sample: Float32Array, height: number, width: number): Uint8Array<ArrayBuffer> {
  const area = height * width
  const rgb = new Uint8Array(3 * area)
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < area; i++) {
      const unit = clampUnit(Math.fround(Math.fround(sample[c * area + i]! / 2) + 0.5))
      rgb[3 * i + c] = roundHalfEven(Math.fround(unit * 255))
    }
  }
  return rgb
}

/** Largest channel value of a picture that counts as black, and largest spread of one that counts as constant. */
const BLACK = 4
const CONSTANT = 2

/** Why this output is no picture; null when it is one. A broken picture must never be judged. */
export function brokenPicture(sample: Float32Array, rgb: Uint8Array): SpqrError | null {
  const hint = 'This unit counts as failed; if many do, choose WASM or another precision.'
  if (!sample.every(Number.isFinite))
    return new SpqrError('BAD_IMAGE', 'The decoder answered values that are not finite numbers.', hint)
  const low = [255, 255, 255]
  const high = [0, 0, 0]
  for (let i = 0; i < rgb.length; i++) {
    const value = rgb[i]!
    const c = i % 3
    if (value < low[c]!) low[c] = value
    if (value > high[c]!) high[c] = value
  }
  if (Math.max(...high) <= BLACK) return new SpqrError('BAD_IMAGE', 'The picture is black.', hint)
  if (high.every((value, c) => value - low[c]! <= CONSTANT))
    return new SpqrError('BAD_IMAGE', 'The picture is one constant colour.', hint)
  return null
}
