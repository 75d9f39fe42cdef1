import { SpqrError } from '../contracts'

/**
 * Refuses feature matrices that no distance can be computed from.
 * @param features row-major [rows, dimension]
 * @param what named in the error, e.g. "generated features"
 */
export function checkFeatures(
  features: ArrayLike<number>,
  rows: number,
  dimension: number,
  what: string,
  leastRows = 2,
): void {
  if (!Number.isInteger(rows) || rows < leastRows) {
    throw new SpqrError(
      'BAD_INPUT',
      `The ${what} have ${rows} rows; at least ${leastRows} are needed.`,
      'Evaluate more images.',
    )
  }
  if (!Number.isInteger(dimension) || dimension < 1 || features.length !== rows * dimension) {
    throw new SpqrError(
      'BAD_INPUT',
      `The ${what} hold ${features.length} values where ${rows} rows of ${dimension} were promised.`,
      'Check that the features and the reference statistics come from the same judge.',
    )
  }
  for (let i = 0; i < features.length; i += 1) {
    if (!Number.isFinite(features[i])) {
      const row = Math.floor(i / dimension)
      throw new SpqrError(
        'BAD_INPUT',
        `The ${what} contain a value that is no number in row ${row}.`,
        'Leave failed images out of the features.',
      )
    }
  }
}
