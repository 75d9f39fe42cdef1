import { SpqrError } from '../contracts'
import { exactLog, sinCosOfTurns } from '../exact'
import { checkSeed } from './inputs'
import { philox4x32 } from './philox'

/** A seeded stream of random numbers; the same seed gives the same stream on every machine. */
export interface Random {
  /** Unsigned 32-bit integer. */
  uint32(): number
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number
  /** Standard normal. */
  normal(): number
  /** Whole number 0 … n − 1, every value equally likely; 1 ≤ n ≤ 2³². */
  integer(n: number): number
  /** Shuffles in place (Fisher–Yates) and returns the same array. */
  shuffle<T>(array: T[]): T[]
}

/** Second key word: keeps these streams apart from the noise of the same seed. */
const STREAM_KEY = 0x53505152

class PhiloxRandom implements Random {
  readonly #words = new Uint32Array(4)
  readonly #sinCos = new Float64Array(2)
  readonly #seed: number
  #block = 0
  #used = 4
  #spare: number | null = null

  constructor(seed: number) {
    this.#seed = seed
  }

  uint32(): number {
    if (this.#used === 4) {
      philox4x32(this.#words, this.#block, Math.floor(this.#block / 0x100000000), 0, 0, this.#seed, STREAM_KEY)
      this.#block += 1
      this.#used = 0
    }
    const word = this.#words[this.#used] ?? 0
    this.#used += 1
    return word
  }

  uniform(): number {
    const high = this.uint32() >>> 5
    return (high * 0x4000000 + (this.uint32() >>> 6)) / 0x20000000000000
  }

  normal(): number {
    if (this.#spare !== null) {
      const spare = this.#spare
      this.#spare = null
      return spare
    }
    const radius = Math.sqrt(-2 * exactLog(1 - this.uniform()))
    sinCosOfTurns(this.uniform(), this.#sinCos)
    this.#spare = radius * (this.#sinCos[0] ?? 0)
    return radius * (this.#sinCos[1] ?? 0)
  }

  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 0x100000000) {
      throw new SpqrError(
        'BAD_INPUT',
        `A random whole number below ${n} was asked for.`,
        'Ask for a bound from 1 to 4294967296.',
      )
    }
    // Rejecting the incomplete last cycle keeps every value equally likely.
    const limit = 0x100000000 - (0x100000000 % n)
    let word = this.uint32()
    while (word >= limit) word = this.uint32()
    return word % n
  }

  shuffle<T>(array: T[]): T[] {
    for (let i = array.length - 1; i > 0; i -= 1) {
      const j = this.integer(i + 1)
      const moved = array[i] as T
      array[i] = array[j] as T
      array[j] = moved
    }
    return array
  }
}

/** @param seed unsigned 32-bit integer */
export function createRandom(seed: number): Random {
  checkSeed(seed)
  return new PhiloxRandom(seed)
}
