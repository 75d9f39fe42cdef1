import { exactLog, sinCosOfTurns } from '../exact'
import { checkLength, checkSeed } from './inputs'
import { MersenneTwister } from './mt19937'

const BLOCK = 16
const HALF = BLOCK / 2

/**
 * The values of `torch.randn(length, generator=torch.Generator('cpu').manual_seed(seed))`, float32,
 * to within float32 rounding of PyTorch's logarithm and sine (at most 1e-6).
 *
 * From 16 values on, PyTorch draws 24-bit uniforms and transforms blocks of 16 (value j with value j + 8); where
 * the length is no multiple of 16 it draws the last 16 afresh. Below 16 it takes 53-bit uniforms one pair at a
 * time and keeps the second value of a pair for the next call (ATen DistributionTemplates.h).
 * @param seed unsigned 32-bit integer
 */
export function torchGaussianNoise(seed: number, length: number): Float32Array {
  checkSeed(seed)
  checkLength(length)
  const twister = new MersenneTwister(seed)
  const noise = new Float32Array(length)
  const sinCos = new Float64Array(2)
  if (length < BLOCK) fillPairs(noise, twister, sinCos)
  else fillBlocks(noise, twister, sinCos)
  return noise
}

function fillBlocks(noise: Float32Array, twister: MersenneTwister, sinCos: Float64Array): void {
  const uniform = () => (twister.uint32() & 0xffffff) / 0x1000000
  for (let i = 0; i < noise.length; i += 1) noise[i] = uniform()
  for (let start = 0; start + BLOCK <= noise.length; start += BLOCK) transformBlock(noise, start, sinCos)
  if (noise.length % BLOCK === 0) return
  const start = noise.length - BLOCK
  for (let i = start; i < noise.length; i += 1) noise[i] = uniform()
  transformBlock(noise, start, sinCos)
}

function transformBlock(noise: Float32Array, start: number, sinCos: Float64Array): void {
  for (let j = start; j < start + HALF; j += 1) {
    // 1 − u moves [0, 1) to (0, 1], where the logarithm is finite.
    const radius = Math.sqrt(-2 * exactLog(1 - (noise[j] ?? 0)))
    sinCosOfTurns(noise[j + HALF] ?? 0, sinCos)
    noise[j] = radius * (sinCos[1] ?? 0)
    noise[j + HALF] = radius * (sinCos[0] ?? 0)
  }
}

function fillPairs(noise: Float32Array, twister: MersenneTwister, sinCos: Float64Array): void {
  const uniform = () => {
    const high = twister.uint32() & 0x1fffff
    return (high * 0x100000000 + twister.uint32()) / 0x20000000000000
  }
  for (let i = 0; i < noise.length; i += 2) {
    sinCosOfTurns(uniform(), sinCos)
    const radius = Math.sqrt(-2 * exactLog(1 - uniform()))
    noise[i] = radius * (sinCos[1] ?? 0)
    if (i + 1 < noise.length) noise[i + 1] = radius * (sinCos[0] ?? 0)
  }
}
