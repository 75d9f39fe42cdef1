import { SpqrError } from '../contracts'

/** Refuses a seed that is not an unsigned 32-bit integer. */
export function checkSeed(seed: number): void {
  if (Number.isInteger(seed) && seed >= 0 && seed <= 0xffffffff) return
  throw new SpqrError(
    'BAD_INPUT',
    `The seed ${seed} is not a whole number from 0 to 4294967295.`,
    'Choose a seed in that range.',
  )
}

/** Refuses a length that no array can have. */
export function checkLength(length: number): void {
  if (Number.isInteger(length) && length >= 0 && length <= 0xffffffff) return
  throw new SpqrError(
    'BAD_INPUT',
    `Noise of length ${length} was asked for.`,
    'Ask for a whole number of values, zero or more.',
  )
}
