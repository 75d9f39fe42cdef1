/** What a later version lost of an earlier one's data: fields may be added, but none may go or change. */

/** Sentences for people: they may be worded anew, the data may not. */
const PROSE = new Set(['notes', 'reason'])
/** Relative: R can be 1e-22. exp and log may differ in the last digits between JavaScript engines. */
const TOLERANCE = 1e-9

/** Paths of `before` that `after` has not, or has with another value; empty when all is kept. */
export function lost(before: unknown, after: unknown, path = ''): string[] {
  if (typeof before === 'number' && typeof after === 'number') {
    return Math.abs(before - after) <= TOLERANCE * Math.abs(before) ? [] : [`${path}: ${before} became ${after}`]
  }
  if (typeof before !== 'object' || before === null) {
    return before === after ? [] : [`${path}: ${JSON.stringify(before)} became ${JSON.stringify(after)}`]
  }
  if (typeof after !== 'object' || after === null) return [`${path}: gone`]
  if (Array.isArray(before) && (!Array.isArray(after) || after.length !== before.length))
    return [`${path}: other length`]
  const known = new Map<string, unknown>(Object.entries(after))
  return Object.entries(before)
    .filter(([key]) => !PROSE.has(key))
    .flatMap(([key, value]) =>
      known.has(key) ? lost(value, known.get(key), `${path}.${key}`) : [`${path}.${key}: gone`],
    )
}
