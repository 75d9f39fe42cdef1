/** The inputs of tests/golden/mitigation/make.py, made alike. */
import type { Layout } from '../../../../src/core/mitigation'

/** Values in [-1.7, 1.7): murmur3's finaliser of stream·2²⁰ + index, scaled. */
export function noise(stream: number, size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => {
    let x = (i + stream * 2 ** 20) >>> 0
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
    return (((x ^ (x >>> 16)) >>> 0) / 2 ** 32 - 0.5) * 3.4
  })
}

export const whole: Layout = {
  length: 20,
  lora: null,
  parameters: [{ name: 'one.weight', dims: [5, 4], offset: 0 }],
}
export const lora: Layout = {
  length: 8 + 10 + 12 + 6,
  lora: { rank: 2, alpha: 4 },
  parameters: [
    { name: 'one.lora_A.weight', dims: [2, 4], offset: 0 },
    { name: 'one.lora_B.weight', dims: [5, 2], offset: 8 },
    { name: 'two.lora_A.weight', dims: [2, 6], offset: 18 },
    { name: 'two.lora_B.weight', dims: [3, 2], offset: 30 },
  ],
}

export const STEPS = 5
export function startOf(layout: Layout): Float32Array {
  if (!layout.lora) return noise(1, 20)
  const flat = new Float32Array(layout.length)
  flat.set(noise(20, 8), 0)
  flat.set(noise(21, 12), 18)
  return flat
}
export function gradient(layout: Layout, t: number): Float32Array {
  if (!layout.lora) return noise(10 + t, 20)
  const flat = new Float32Array(layout.length)
  flat.set(noise(30 + 2 * t, 8), 0)
  flat.set(noise(50 + 2 * t, 10), 8)
  flat.set(noise(31 + 2 * t, 12), 18)
  flat.set(noise(51 + 2 * t, 6), 30)
  return flat
}

/** Five steps of plain descent, `after` called behind each with the parameters to change in place. */
export function descend(layout: Layout, rate: number, after: (flat: Float32Array) => void): Float32Array {
  const flat = startOf(layout)
  for (let t = 0; t < STEPS; t++) {
    const g = gradient(layout, t)
    for (let i = 0; i < flat.length; i++) flat[i]! -= rate * g[i]!
    after(flat)
  }
  return flat
}
