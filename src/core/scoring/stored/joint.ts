/** One number of two runs, resampled together. */

/** One number of both runs with its joint resamples. */
export interface Joint {
  first: number
  second: number
  draws: readonly [Float64Array, Float64Array]
  n: number
}

/** The same on another scale. */
export function mapped(joint: Joint | null, first: (value: number) => number, second = first): Joint | null {
  if (!joint) return null
  return {
    ...joint,
    first: first(joint.first),
    second: second(joint.second),
    draws: [joint.draws[0].map(first), joint.draws[1].map(second)],
  }
}
