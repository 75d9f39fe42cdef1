/**
 * log, sin and cos from +, −, ×, ÷ alone. ECMAScript leaves the last digits of Math.log and Math.sin to the
 * engine; these give the same bits in every engine, which is what "the same seed gives the same noise on
 * every machine" needs. Math.sqrt is exact by IEEE 754 and may be used beside them.
 */

/** Natural logarithm of a finite x > 0, within a few units of the last place of a double; for others as Math.log. */
export function exactLog(x: number): number {
  // Halving an infinity or doubling a zero would never end.
  if (!(x > 0 && x < Infinity)) return Math.log(x)
  let mantissa = x
  let exponent = 0
  // Doubling and halving are exact; Gaussian noise passes values in (0, 1), mostly near 1.
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2
    exponent -= 1
  }
  while (mantissa > Math.SQRT2) {
    mantissa /= 2
    exponent += 1
  }
  // log m = 2·atanh((m − 1)/(m + 1)), |s| ≤ 0.1716: twelve terms leave less than 1e-19.
  const s = (mantissa - 1) / (mantissa + 1)
  const square = s * s
  let sum = 0
  for (let k = 25; k >= 3; k -= 2) sum = (sum + 1 / k) * square
  return exponent * Math.LN2 + 2 * s * (1 + sum)
}

/** sin(2πu) and cos(2πu) for 0 ≤ u ≤ 1, written to `output` as [sin, cos]. */
export function sinCosOfTurns(u: number, output: Float64Array): void {
  const quadrant = Math.floor(u * 4 + 0.5)
  const x = 2 * Math.PI * (u - quadrant / 4)
  const square = x * x
  let sine = 0
  let cosine = 0
  // Taylor series on |x| ≤ π/4: x¹⁹/19! and x²⁰/20! lie below 1e-19.
  for (let k = 17; k >= 3; k -= 2) sine = ((sine + 1) * -square) / (k * (k - 1))
  for (let k = 18; k >= 2; k -= 2) cosine = ((cosine + 1) * -square) / (k * (k - 1))
  sine = x * (1 + sine)
  cosine = 1 + cosine
  switch (quadrant % 4) {
    case 0:
      output[0] = sine
      output[1] = cosine
      break
    case 1:
      output[0] = cosine
      output[1] = -sine
      break
    case 2:
      output[0] = -sine
      output[1] = -cosine
      break
    default:
      output[0] = -cosine
      output[1] = sine
  }
}
