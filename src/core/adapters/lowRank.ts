/**
 * Arithmetic of low-rank updates on one weight, W of shape [o, n] with n = i·kh·kw for convolutions.
 * W is float32; sums run in double precision and are rounded once.
 */

/** Factors of ΔW = B·A. `down` is A [r, n], `up` is B [o, r], row-major. */
export interface Factors {
  rank: number
  rows: number
  columns: number
  down: Float32Array
  up: Float32Array
}

/** Row `row` of B·A, as float64 [n], into `sum` where given. Terms are added one after another, four in one pass. */
export function productRow(
  { rank, columns, down, up }: Factors,
  row: number,
  sum = new Float64Array(columns),
): Float64Array {
  sum.fill(0)
  const from = row * rank
  let k = 0
  for (; k + 4 <= rank; k += 4) {
    const [a, b, c, d] = [up[from + k]!, up[from + k + 1]!, up[from + k + 2]!, up[from + k + 3]!]
    // Those after a zero are left to the loop below: zero times what overflowed would be no number.
    if (a === 0 || b === 0 || c === 0 || d === 0) break
    const second = columns * (k + 1)
    const third = second + columns
    const fourth = third + columns
    for (let j = 0, first = columns * k; j < columns; j++)
      sum[j] = sum[j]! + a * down[first + j]! + b * down[second + j]! + c * down[third + j]! + d * down[fourth + j]!
  }
  for (; k < rank; k++) {
    const b = up[from + k]!
    if (b === 0) continue
    const offset = k * columns
    for (let j = 0; j < columns; j++) sum[j]! += b * down[offset + j]!
  }
  return sum
}

/** W ← W + scale·B·A, in place. */
export function addLowRank(weight: Float32Array, factors: Factors, scale: number): void {
  const { rows, columns } = factors
  const delta = new Float64Array(columns)
  for (let row = 0; row < rows; row++) {
    productRow(factors, row, delta)
    const offset = row * columns
    for (let j = 0; j < columns; j++) weight[offset + j]! += scale * delta[j]!
  }
}

/**
 * DoRA (Liu et al., ICML 2024, eq. 5): W′ = m ⊙ V/‖V‖ with V = W + scale·B·A; W ← W + strength·(W′ − W).
 * `axis` says what m counts: output rows (PEFT, kohya) or input columns (older LyCORIS).
 */
export function addDora(
  weight: Float32Array,
  factors: Factors,
  scale: number,
  magnitude: Float32Array,
  axis: 'rows' | 'columns',
  inner: number,
  strength: number,
): void {
  const { rows, columns } = factors
  const changed = new Float64Array(weight.length)
  const squares = new Float64Array(magnitude.length)
  // `inner` is kh·kw: a column norm runs over the whole kernel of an input channel.
  const group = (row: number, column: number): number => (axis === 'rows' ? row : Math.floor(column / inner))
  for (let row = 0; row < rows; row++) {
    const delta = productRow(factors, row)
    for (let j = 0; j < columns; j++) {
      const value = weight[row * columns + j]! + scale * delta[j]!
      changed[row * columns + j] = value
      squares[group(row, j)]! += value * value
    }
  }
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < columns; j++) {
      const at = row * columns + j
      const norm = Math.sqrt(squares[group(row, j)]!)
      const value = norm === 0 ? 0 : (magnitude[group(row, j)]! / norm) * changed[at]!
      weight[at]! += strength * (value - weight[at]!)
    }
  }
}

/**
 * Folds a Tucker core into A: A′[p, (i, k, l)] = Σ_q mid[p, q, k, l]·down[q, i] (LyCORIS `lora_mid`).
 * `mid` is [r, r, kernel], `down` [r, inputs]; the result is [r, inputs·kernel].
 */
export function foldTucker(
  mid: Float32Array,
  down: Float32Array,
  rank: number,
  inputs: number,
  kernel: number,
): Float32Array {
  const folded = new Float32Array(rank * inputs * kernel)
  for (let p = 0; p < rank; p++) {
    for (let i = 0; i < inputs; i++) {
      for (let k = 0; k < kernel; k++) {
        let sum = 0
        for (let q = 0; q < rank; q++) sum += mid[(p * rank + q) * kernel + k]! * down[q * inputs + i]!
        folded[(p * inputs + i) * kernel + k] = sum
      }
    }
  }
  return folded
}
