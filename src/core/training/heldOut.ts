/**
 * Pictures that a benign fine-tune does not see, and the fixed noise at which its loss on them is measured: by how much
 * that loss falls says how much was learned (adaptation), whatever a mitigation does to the steps.
 */
import { SpqrError } from '../contracts/errors'
import { sigmoid } from '../exact'
import { createRandom } from '../random'
import { normalQuantile } from '../statistics'
import { stepSeed } from './batch'

/**
 * Noise levels of a picture: the middles of eight equal parts of the distribution that training draws from (sigmoid of a
 * standard normal), so that their mean stands for the loss that is minimised.
 */
export const HELD_OUT_SIGMAS: readonly number[] = Array.from({ length: 8 }, (_, i) =>
  sigmoid(normalQuantile((i + 0.5) / 8)),
)

/** Keeps the choice of pictures and their noise apart from every other stream; never changes, so that runs compare. */
const STREAM = 0x4e1d

/**
 * Which of `count` pictures are held out, ascending: the same for every training seed, so that runs compare.
 * @throws SpqrError BAD_INPUT where none would be left to learn from
 */
export function heldOutPictures(count: number, heldOut: number): number[] {
  if (heldOut >= count)
    throw new SpqrError(
      'BAD_INPUT',
      `${heldOut} held-out pictures of ${count} would leave none to learn from.`,
      `Hold out fewer; a quarter, ${Math.floor(count / 4)}, is a good number.`,
    )
  const random = createRandom(STREAM)
  const order = Array.from({ length: count }, (_, i) => i)
  // The first steps of a Fisher–Yates shuffle.
  for (let i = 0; i < heldOut; i++) {
    const j = i + random.integer(count - i)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order.slice(0, heldOut).sort((a, b) => a - b)
}

/** Standard normal noise of a picture at the level with this number; depends on nothing but its arguments. */
export function heldOutNoise(picture: number, level: number, size: number): Float32Array {
  const random = createRandom(stepSeed(STREAM, picture * HELD_OUT_SIGMAS.length + level))
  return Float32Array.from({ length: size }, () => random.normal())
}
