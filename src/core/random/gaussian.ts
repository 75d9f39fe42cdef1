import { exactLog, sinCosOfTurns } from '../exact'
import { checkLength, checkSeed } from './inputs'
import { philox4x32 } from './philox'

/**
 * Standard normal noise of one work unit, float32, `length` values: element i depends on (seed, i) only.
 *
 * Philox4x32-10 with key (seed, 0) and counter (0, 0, i, 0); u = (x + ½)/2³², v = (y + ½)/2³² from the first two
 * words; Box–Muller √(−2 ln u)·sin(2πv). This is the layout of torch.randn on a CUDA generator for up to about
 * 200,000 values, so a seed gives the same picture there (to float32 rounding).
 * @param seed unsigned 32-bit integer
 */
export function gaussianNoise(seed: number, length: number): Float32Array {
  checkSeed(seed)
  checkLength(length)
  const noise = new Float32Array(length)
  const words = new Uint32Array(4)
  const sinCos = new Float64Array(2)
  for (let i = 0; i < length; i += 1) {
    philox4x32(words, 0, 0, i, 0, seed, 0)
    const u = ((words[0] ?? 0) + 0.5) / 0x100000000
    const turns = ((words[1] ?? 0) + 0.5) / 0x100000000
    sinCosOfTurns(turns, sinCos)
    noise[i] = Math.sqrt(-2 * exactLog(u)) * (sinCos[0] ?? 0)
  }
  return noise
}
