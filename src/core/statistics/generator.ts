import { exactLog } from '../exact'

/**
 * The generator behind every resample: xoshiro128** 1.1 (Blackman & Vigna 2021), seeded through splitmix32.
 * Resampling draws millions of indices, so it uses this 2-nanosecond generator instead of core/random's
 * counter-based one, which exists to give equal noise at any position. Integer arithmetic only: the same seed
 * gives the same draws in every engine.
 */
export interface Generator {
  /** The next unsigned 32-bit integer. */
  uint32(): number
  /** Uniform in [0, 1), with 32 random bits. */
  uniform(): number
  /** Standard normal (Marsaglia's polar method). */
  normal(): number
}

export function createGenerator(seed: number): Generator {
  let mix = seed >>> 0
  const splitmix = () => {
    mix = (mix + 0x9e3779b9) | 0
    let t = mix ^ (mix >>> 16)
    t = Math.imul(t, 0x21f0aaad)
    t ^= t >>> 15
    t = Math.imul(t, 0x735a2d97)
    return (t ^ (t >>> 15)) | 0
  }
  let a = splitmix()
  let b = splitmix()
  let c = splitmix()
  let d = splitmix()
  const uint32 = () => {
    const times5 = Math.imul(b, 5)
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = (d << 11) | (d >>> 21)
    return result
  }
  const uniform = () => uint32() * 2 ** -32
  let spare = Number.NaN
  const normal = () => {
    if (!Number.isNaN(spare)) {
      const value = spare
      spare = Number.NaN
      return value
    }
    for (;;) {
      const x = 2 * uniform() - 1
      const y = 2 * uniform() - 1
      const s = x * x + y * y
      if (s > 0 && s < 1) {
        const factor = Math.sqrt((-2 * exactLog(s)) / s)
        spare = y * factor
        return x * factor
      }
    }
  }
  return { uint32, uniform, normal }
}

/** A seed from text (FNV-1a, 32 bits): every slice of a run gets its own, reproducible stream. */
export function seedFrom(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
