/**
 * Adaptive binary range coding, as in lossless compressors of the PAQ family: every bit is coded at the cost that its
 * context has made likely so far. The same calls write and read, so that both sides cannot disagree. All arithmetic is
 * on integers below 2⁵³, so that every browser reads the same numbers.
 */
import { invalidLink } from './mangled'

/** Probabilities have 16 bits and stay off their ends. */
const ONE = 65_536
const EDGE = 32
/** A context learns ever more slowly, down to this rate. */
const SLOWEST = 48
/** Sub-contexts of one number: lengths, its first digits, its sign. */
const WIDTH = 256
const SIGN = 40
const DIGITS = 48
/** Binary digits that a number may have. */
const LONGEST = 31
/** Digits behind the first whose chances are learnt; the others are taken as even. */
const LEARNT = 2

interface Chance {
  /** That the bit is set. */
  p: number
  seen: number
}

/** Writes a value and returns it, or ignores what it is given and reads one. */
export abstract class BitCoder {
  readonly #chances = new Map<number, Chance>()

  protected abstract code(p: number, bit: boolean): boolean

  bit(context: number, value = false): boolean {
    let chance = this.#chances.get(context)
    if (!chance) this.#chances.set(context, (chance = { p: ONE / 2, seen: 0 }))
    const bit = this.code(chance.p, value)
    const rate = 2 * Math.min(chance.seen, SLOWEST) + 3
    const target = bit ? ONE - EDGE : EDGE
    chance.p += Math.trunc((2 * (target - chance.p)) / rate)
    chance.seen += 1
    return bit
  }

  /** A whole number from 0 on, short ones cheap. @throws {SpqrError} LINK_INVALID when one that is read is too long. */
  whole(context: number, value = 0): number {
    const base = context * WIDTH
    const wanted = bitLength(value + 1) - 1
    let length = 0
    while (this.bit(base + length, length < wanted)) {
      length += 1
      if (length > LONGEST - 1) throw invalidLink('a number in it is too long')
    }
    let number = 1
    for (let place = length - 1; place >= 0; place--) {
      const behind = length - 1 - place
      const digit = Math.floor((value + 1) / 2 ** place) % 2 === 1
      const set =
        behind < LEARNT
          ? this.bit(base + DIGITS + 4 * length + (behind === 0 ? 0 : 1 + (number % 2)), digit)
          : this.code(ONE / 2, digit)
      number = 2 * number + (set ? 1 : 0)
    }
    return number - 1
  }

  /** A whole number of either sign. */
  signed(context: number, value = 0): number {
    const size = this.whole(context, Math.abs(value))
    if (size === 0) return 0
    return this.bit(context * WIDTH + SIGN, value < 0) ? -size : size
  }
}

/** Binary digits of a whole number. */
export function bitLength(value: number): number {
  let length = 0
  for (let left = value; left >= 1; left = Math.floor(left / 2)) length += 1
  return length
}

/** A range is widened before it is narrower than this. */
const NARROW = 2 ** 24

export class BitWriter extends BitCoder {
  readonly #bytes: number[] = []
  #low = 0
  #range = 2 ** 32

  protected override code(p: number, bit: boolean): boolean {
    const bound = Math.floor(this.#range / ONE) * p
    if (bit) this.#range = bound
    else {
      this.#low += bound
      this.#range -= bound
    }
    while (this.#range < NARROW) {
      this.#push()
      this.#range *= 256
    }
    return bit
  }

  /** Puts the highest byte out; what flowed over it is carried into those before. */
  #push(): void {
    if (this.#low >= 2 ** 32) {
      this.#low -= 2 ** 32
      for (let i = this.#bytes.length - 1; i >= 0; i--) {
        const next = (this.#bytes[i] ?? 0) + 1
        this.#bytes[i] = next % 256
        if (next < 256) break
      }
    }
    this.#bytes.push(Math.floor(this.#low / NARROW))
    this.#low = (this.#low % NARROW) * 256
  }

  /** Ends the writing. Whoever reads takes what is missing behind the bytes for zeros. */
  bytes(): number[] {
    // The range is at least as wide as one step of its highest byte, so one byte says where in it the rest lies.
    this.#low = Math.ceil(this.#low / NARROW) * NARROW
    this.#push()
    return this.#bytes
  }
}

export class BitReader extends BitCoder {
  readonly #bytes: Uint8Array
  #at = 4
  #range = 2 ** 32
  /** How far into the range what is read lies. */
  #within: number

  constructor(bytes: Uint8Array) {
    super()
    this.#bytes = bytes
    this.#within = [0, 1, 2, 3].reduce((code, i) => code * 256 + (bytes[i] ?? 0), 0)
  }

  /** Whether exactly what was written has been read. */
  get done(): boolean {
    return this.#at === this.#bytes.length + 3
  }

  protected override code(p: number): boolean {
    const bound = Math.floor(this.#range / ONE) * p
    const bit = this.#within < bound
    if (bit) this.#range = bound
    else {
      this.#within -= bound
      this.#range -= bound
    }
    while (this.#range < NARROW) {
      this.#within = this.#within * 256 + (this.#bytes[this.#at++] ?? 0)
      this.#range *= 256
    }
    return bit
  }
}
