/**
 * MT19937, the Mersenne Twister of Matsumoto and Nishimura (1998), seeded by init_genrand as
 * torch.Generator('cpu').manual_seed does for 32-bit seeds.
 */
const STATE = 624
const SHIFT = 397
const UPPER = 0x80000000
const LOWER = 0x7fffffff
const MATRIX = 0x9908b0df

export class MersenneTwister {
  readonly #state = new Uint32Array(STATE)
  #position = STATE

  /** @param seed unsigned 32-bit integer */
  constructor(seed: number) {
    const state = this.#state
    let previous = seed >>> 0
    state[0] = previous
    for (let i = 1; i < STATE; i += 1) {
      previous = (Math.imul(1812433253, previous ^ (previous >>> 30)) + i) >>> 0
      state[i] = previous
    }
  }

  #refill(): void {
    const state = this.#state
    for (let i = 0; i < STATE; i += 1) {
      const y = ((state[i] ?? 0) & UPPER) | ((state[(i + 1) % STATE] ?? 0) & LOWER)
      state[i] = (state[(i + SHIFT) % STATE] ?? 0) ^ (y >>> 1) ^ (y & 1 ? MATRIX : 0)
    }
    this.#position = 0
  }

  /** The next unsigned 32-bit integer. */
  uint32(): number {
    if (this.#position === STATE) this.#refill()
    let y = this.#state[this.#position] ?? 0
    this.#position += 1
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }
}
