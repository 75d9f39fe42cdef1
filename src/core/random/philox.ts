/**
 * Philox4x32-10, a counter-based generator: the output is a pure function of (counter, key), so any element
 * of a stream can be computed alone and in any order.
 * Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011; constants as in Random123.
 */
const MULTIPLIER_0 = 0xd2511f53
const MULTIPLIER_1 = 0xcd9e8d57
const WEYL_0 = 0x9e3779b9
const WEYL_1 = 0xbb67ae85
const ROUNDS = 10

/** Upper 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const cross = aHigh * bLow + ((aLow * bLow) >>> 16)
  const middle = aLow * bHigh + (cross & 0xffff)
  return (aHigh * bHigh + Math.floor(cross / 0x10000) + Math.floor(middle / 0x10000)) >>> 0
}

/**
 * One block: four unsigned 32-bit integers written to `output` (4 words).
 * The counter is (c0, c1, c2, c3), the key (k0, k1), all taken modulo 2³².
 */
export function philox4x32(
  output: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  let [x0, x1, x2, x3] = [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0]
  let [key0, key1] = [k0 >>> 0, k1 >>> 0]
  for (let round = 0; round < ROUNDS; round += 1) {
    const high0 = multiplyHigh(MULTIPLIER_0, x0)
    const low0 = Math.imul(MULTIPLIER_0, x0) >>> 0
    const high1 = multiplyHigh(MULTIPLIER_1, x2)
    const low1 = Math.imul(MULTIPLIER_1, x2) >>> 0
    x0 = (high1 ^ x1 ^ key0) >>> 0
    x1 = low1
    x2 = (high0 ^ x3 ^ key1) >>> 0
    x3 = low0
    key0 = (key0 + WEYL_0) >>> 0
    key1 = (key1 + WEYL_1) >>> 0
  }
  output[0] = x0
  output[1] = x1
  output[2] = x2
  output[3] = x3
}
