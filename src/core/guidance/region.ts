import { SpqrError } from '../contracts'
import { roundHalfEven } from '../exact'

/** How a batch of latents is laid out, [n, channels, height, width], and which share of height × width a region takes. */
export interface Region {
  share: number
  channels: number
  height: number
  width: number
}

/**
 * Where the concept would change each picture most: the cells of the latent grid with the largest ‖v(S) − v(∅)‖ over the
 * channels, `share` of them (a half rounded to even) and at least one; of equal ones the first. A cell whose norm is no
 * number belongs to the region, so that a broken prediction stays visible.
 * @returns 1 inside and 0 outside, for every value of the batch
 * @throws {SpqrError} BAD_INPUT where the values are no whole number of such latents
 */
export function regionOf(concept: Float32Array, empty: Float32Array, region: Region): Uint8Array {
  const { share, channels, height, width } = region
  const cells = height * width
  const count = concept.length / (channels * cells)
  if (!Number.isInteger(count) || empty.length !== concept.length)
    throw new SpqrError(
      'BAD_INPUT',
      `A region was asked for in ${concept.length} values, which are no latents of ${channels} × ${height} × ${width}.`,
      'Use the model that made the predictions.',
    )
  const inside = new Uint8Array(concept.length)
  const taken = Math.max(1, roundHalfEven(share * cells))
  for (let start = 0; start < concept.length; start += channels * cells) {
    const norms = Array.from({ length: cells }, (_, cell) => {
      let sum = 0
      for (let c = 0; c < channels; c++) {
        const at = start + c * cells + cell
        sum += ((concept[at] ?? 0) - (empty[at] ?? 0)) ** 2
      }
      return { cell, sum: Number.isNaN(sum) ? Infinity : sum }
    })
    // Infinity − Infinity is no order; such cells keep their places.
    norms.sort((a, b) => (a.sum === b.sum ? a.cell - b.cell : b.sum - a.sum))
    for (const { cell } of norms.slice(0, taken))
      for (let c = 0; c < channels; c++) inside[start + c * cells + cell] = 1
  }
  return inside
}
