/** Equality of JSON values, whatever the order of their keys. */

export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return Number.isNaN(a) && Number.isNaN(b)
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((value, i) => equalJson(value, b[i]))
    )
  }
  const right = new Map<string, unknown>(Object.entries(b))
  const left = Object.entries(a)
  return left.length === right.size && left.every(([key, value]) => right.has(key) && equalJson(value, right.get(key)))
}

/** The same value with the keys of every object in order, so that equal contents have equal JSON. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, part]) => [key, sorted(part)]),
  )
}
