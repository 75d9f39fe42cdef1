/**
 * log, exp, sin, cos and powers from +, −, ×, ÷ alone. ECMAScript leaves the last digits of Math.log, Math.sin and `**` to
 * the engine; these give the same bits in every engine, which is what "the same seed gives the same noise and the same
 * samples the same scores on every machine" needs. Math.sqrt is exact by IEEE 754 and may be used beside them; so are
 * `x ** 2`, which every engine multiplies out, and whole powers of two.
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
  return exponent * Math.LN2 + twiceAtanh((mantissa - 1) / (mantissa + 1))
}

/** 1/25, 1/23 … 1/3. */
const ODD_PARTS = Array.from({ length: 12 }, (_, i) => 1 / (25 - 2 * i))

/** 2·atanh(s) for |s| ≤ 0.1716, where twelve terms leave less than 1e-19: log m with s = (m − 1)/(m + 1). */
function twiceAtanh(s: number): number {
  const square = s * s
  let sum = 0
  for (const part of ODD_PARTS) sum = (sum + part) * square
  return 2 * s * (1 + sum)
}

/** log(1 + x) for x > −1, to a few units of the last place also where x is small. */
export function exactLog1p(x: number): number {
  return x > -0.29 && x < 0.41 ? twiceAtanh(x / (2 + x)) : exactLog(1 + x)
}

/** ln 2 in two parts, of which whole multiples of the first are exact (fdlibm). */
const [LN2_HIGH, LN2_LOW] = [0.6931471803691238, 1.9082149292705877e-10]
const [LARGEST, SMALLEST] = [709.782712893384, -745.1332191019412]
/** 1/22, 1/21 … 1. */
const WHOLE_PARTS = Array.from({ length: 22 }, (_, i) => 1 / (22 - i))

/** e^x within a few units of the last place, by its series on [−ln 2 / 2, ln 2 / 2] and a power of two. */
export function exactExp(x: number): number {
  if (Number.isNaN(x) || x > LARGEST) return x + Infinity
  if (x < SMALLEST) return 0
  const halvings = Math.round(x / Math.LN2)
  const rest = x - halvings * LN2_HIGH - halvings * LN2_LOW
  let sum = 1
  for (const part of WHOLE_PARTS) sum = 1 + sum * rest * part
  // In two steps, since 2^1024 is none of the numbers and 2^−1074 has no digits.
  const half = halvings >> 1
  return sum * 2 ** half * 2 ** (halvings - half)
}

/** 1 / (1 + e^−x). */
export const sigmoid = (x: number): number => 1 / (1 + exactExp(-x))

/** base^n for a whole n ≥ 0, by repeated squaring. */
export function wholePower(base: number, n: number): number {
  let [result, square] = [1, base]
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= square
    square *= square
  }
  return result
}

/** √(a² + b²) of numbers far from the ends of the range. */
export const hypotenuse = (a: number, b: number): number => Math.sqrt(a * a + b * b)

/** Rounds halves to even, as NumPy, Python and C's rint do. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
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
