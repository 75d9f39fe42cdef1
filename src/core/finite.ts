/** The bits of a float32 exponent: all of them are set in an infinity and in what is no number, and in nothing else. */
const EXPONENT = 0x7f800000

/** Whether every value is a finite number: the millions of a model's weights are read in milliseconds. */
export function allFinite(values: Float32Array): boolean {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < bits.length; i++) if ((bits[i]! & EXPONENT) === EXPONENT) return false
  return true
}
