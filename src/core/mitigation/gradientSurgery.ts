/**
 * Gradient surgery (SafeGrad, arXiv 2508.07172; the projection is PCGrad's, Yu et al., NeurIPS 2020): where the benign
 * gradient g works against the anchors' gradient a, that part is taken out: g ← g − (g·a/‖a‖²)·a if g·a < 0.
 */

/** The gradient to step along: `g` itself where the two do not conflict, else a new array. */
export function withoutConflict(g: Float32Array, a: Float32Array): Float32Array {
  let dot = 0
  let square = 0
  for (let i = 0; i < g.length; i++) {
    dot += g[i]! * a[i]!
    square += a[i]! * a[i]!
  }
  if (!(dot < 0)) return g
  const share = dot / square
  return g.map((value, i) => value - share * a[i]!)
}
