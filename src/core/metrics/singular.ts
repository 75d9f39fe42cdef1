/**
 * Sums of singular values, which is all that a Fréchet distance needs of them: Householder reflections down to two
 * diagonals (Golub & Kahan 1965; Golub & Van Loan, Matrix Computations, 5.4), then the eigenvalues of the symmetric
 * tridiagonal matrix that carries them as ±σ (8.6.1). Row-major throughout: every inner loop runs along a row.
 */

/** Wider than this times its height, a matrix is made square first: cheaper than reflecting its full rows twice. */
const WIDE = 1.6

/** Nuclear norm (sum of the singular values) of a row-major [rows, columns] matrix, which is left as it is. */
export function nuclearNorm(values: Float64Array, rows: number, columns: number): number {
  const [p, q] = rows <= columns ? [rows, columns] : [columns, rows]
  const wide = rows <= columns ? values.slice() : transposed(values, rows, columns)
  const square = q > WIDE * p ? lowerTriangle(wide, p, q) : wide
  return tridiagonalNorm(bidiagonal(square, p, q > WIDE * p ? p : q))
}

/** R [d, d] of A = Q·R for A [n, d], n ≥ d, row-major: up to signs of its rows. */
export function triangularFactor(a: Float64Array, n: number, d: number): Float64Array {
  return transposed(lowerTriangle(transposed(a, n, d), d, n), d, d)
}

function transposed(values: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(values.length)
  for (let i = 0; i < rows; i += 1) for (let j = 0; j < columns; j += 1) result[j * rows + i] = values[i * columns + j]!
  return result
}

/**
 * The reflection that turns x = `v`[from … to) into (α, 0, …, 0): H = I − τ·v·vᵀ with v left in x's place, v₀ = 1.
 * Answers α and τ; τ is 0 where nothing is to be done.
 */
function reflection(v: Float64Array, from: number, to: number): { alpha: number; tau: number } {
  let tail = 0
  for (let j = from + 1; j < to; j += 1) tail += v[j]! * v[j]!
  const first = v[from]!
  if (tail === 0) return { alpha: first, tau: 0 }
  const alpha = first > 0 ? -Math.sqrt(first * first + tail) : Math.sqrt(first * first + tail)
  const head = first - alpha
  for (let j = from + 1; j < to; j += 1) v[j]! /= head
  v[from] = 1
  return { alpha, tau: -head / alpha }
}

/**
 * Rows `first` … `rows` of m ← themselves·H, for H of the row that begins at `v`; columns `k` … `columns`. Two rows at a
 * time, here and below, so that what they share is loaded once for both.
 */
function reflectRows(m: Float64Array, columns: number, v: number, tau: number, k: number, first: number, rows: number): void {
  let i = first
  for (; i + 1 < rows; i += 2) {
    const [a, b] = [i * columns, (i + 1) * columns]
    let x = 0
    let y = 0
    for (let j = k; j < columns; j += 1) {
      const shared = m[v + j]!
      x += m[a + j]! * shared
      y += m[b + j]! * shared
    }
    x *= tau
    y *= tau
    for (let j = k; j < columns; j += 1) {
      const shared = m[v + j]!
      m[a + j]! -= x * shared
      m[b + j]! -= y * shared
    }
  }
  if (i >= rows) return
  const a = i * columns
  let x = 0
  for (let j = k; j < columns; j += 1) x += m[a + j]! * m[v + j]!
  x *= tau
  for (let j = k; j < columns; j += 1) m[a + j]! -= x * m[v + j]!
}

/** H·m for H = I − τ·w·wᵀ over rows and columns `k` … ; `sums` is room for wᵀ·m. */
function reflectColumns(m: Float64Array, rows: number, columns: number, w: Float64Array, tau: number, k: number, sums: Float64Array): void {
  sums.fill(0, k)
  let i = k
  for (; i + 3 < rows; i += 4) {
    const [a, b, c, d] = [i * columns, (i + 1) * columns, (i + 2) * columns, (i + 3) * columns]
    const [wa, wb, wc, wd] = [w[i]!, w[i + 1]!, w[i + 2]!, w[i + 3]!]
    for (let j = k; j < columns; j += 1) sums[j]! += wa * m[a + j]! + wb * m[b + j]! + wc * m[c + j]! + wd * m[d + j]!
  }
  for (; i < rows; i += 1) for (let j = k; j < columns; j += 1) sums[j]! += w[i]! * m[i * columns + j]!
  for (i = k; i + 1 < rows; i += 2) {
    const [a, b] = [i * columns, (i + 1) * columns]
    const [x, y] = [tau * w[i]!, tau * w[i + 1]!]
    for (let j = k; j < columns; j += 1) {
      const shared = sums[j]!
      m[a + j]! -= x * shared
      m[b + j]! -= y * shared
    }
  }
  for (; i < rows; i += 1) for (let j = k; j < columns; j += 1) m[i * columns + j]! -= tau * w[i]! * sums[j]!
}

/** L [p, p] of M = L·Q for a wide M [p, q], which is overwritten. */
function lowerTriangle(m: Float64Array, p: number, q: number): Float64Array {
  const lower = new Float64Array(p * p)
  for (let k = 0; k < p; k += 1) {
    const at = k * q
    for (let j = 0; j < k; j += 1) lower[k * p + j] = m[at + j]!
    const { alpha, tau } = reflection(m, at + k, at + q)
    lower[k * p + k] = alpha
    if (tau !== 0) reflectRows(m, q, at, tau, k, k + 1, p)
  }
  return lower
}

/** The two diagonals of M [p, q], p ≤ q, one after the other as d₁, e₁, d₂, e₂ … d_p; M is overwritten. */
function bidiagonal(m: Float64Array, p: number, q: number): Float64Array {
  const diagonals = new Float64Array(Math.max(0, 2 * p - 1))
  const column = new Float64Array(p)
  const sums = new Float64Array(q)
  for (let k = 0; k < p; k += 1) {
    const right = reflection(m, k * q + k, (k + 1) * q)
    diagonals[2 * k] = right.alpha
    if (right.tau !== 0) reflectRows(m, q, k * q, right.tau, k, k + 1, p)
    if (k + 1 >= p) break
    for (let i = k + 1; i < p; i += 1) column[i] = m[i * q + k]!
    const left = reflection(column, k + 1, p)
    diagonals[2 * k + 1] = left.alpha
    if (left.tau !== 0) reflectColumns(m, p, q, column, left.tau, k + 1, sums)
  }
  return diagonals
}

/**
 * Half the sum of |eigenvalues| of the symmetric tridiagonal matrix with zeros on its diagonal and `beside` next to it:
 * implicit QL without vectors (EISPACK's imtql1).
 */
function tridiagonalNorm(beside: Float64Array): number {
  const n = beside.length + 1
  const d = new Float64Array(n)
  const e = new Float64Array(n)
  e.set(beside)
  for (let l = 0; l < n; l += 1) {
    for (;;) {
      let m = l
      while (m < n - 1 && Math.abs(e[m]!) > Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m += 1
      if (m === l) break
      sweep(d, e, l, m)
    }
  }
  return d.reduce((sum, value) => sum + Math.abs(value), 0) / 2
}

/** One QL sweep over the unreduced block l … m, with Wilkinson's shift. */
function sweep(d: Float64Array, e: Float64Array, l: number, m: number): void {
  const half = (d[l + 1]! - d[l]!) / (2 * e[l]!)
  const root = Math.hypot(half, 1)
  let g = d[m]! - d[l]! + e[l]! / (half + (half < 0 ? -root : root))
  let [s, c, shift] = [1, 1, 0]
  for (let i = m - 1; i >= l; i -= 1) {
    const f = s * e[i]!
    const b = c * e[i]!
    const r = Math.sqrt(f * f + g * g)
    e[i + 1] = r
    if (r === 0) {
      d[i + 1]! -= shift
      e[m] = 0
      return
    }
    s = f / r
    c = g / r
    g = d[i + 1]! - shift
    const turned = (d[i]! - g) * s + 2 * c * b
    shift = s * turned
    d[i + 1] = g + shift
    g = c * turned - b
  }
  d[l]! -= shift
  e[l] = g
  e[m] = 0
}
