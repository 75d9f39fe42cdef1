/** JSON text from outside: of bounded depth, with finite numbers, and with every key once. */
import { shortened, type Read } from './outside'

/** Deepest nesting read. The deepest format here has 12 levels; parsers and schemas recurse once per level. */
export const MAX_JSON_DEPTH = 64

/** The fault of a text that is no JSON at all. */
export const NO_JSON = 'it is no valid JSON'

const QUOTE = 34
const COLON = 58
const BACKSLASH = 92

/** Index of the quote that closes the text opening at `start`, or the length of a text that is cut off. */
function closingQuote(json: string, start: number): number {
  let end = start + 1
  while (end < json.length && json.charCodeAt(end) !== QUOTE) end += json.charCodeAt(end) === BACKSLASH ? 2 : 1
  return end
}

/** How many keys a JSON text gives; Infinity where it nests too deep. A scan without recursion, which cannot overflow. */
function keysGiven(json: string): number {
  let depth = 0
  let keys = 0
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i)
    if (code === QUOTE) i = closingQuote(json, i)
    else if (code === COLON) keys++
    else if (code === 123 || code === 91) {
      if (++depth > MAX_JSON_DEPTH) return Infinity
    } else if (code === 125 || code === 93) depth--
  }
  return keys
}

/** What was parsed: how many keys it has, and whether every number of it is finite. */
interface Survey {
  keys: number
  finite: boolean
}

function survey(value: unknown, found: Survey): Survey {
  if (typeof value === 'number') found.finite &&= Number.isFinite(value)
  else if (Array.isArray(value)) for (const part of value as unknown[]) survey(part, found)
  else if (typeof value === 'object' && value !== null) {
    const parts = Object.values(value)
    found.keys += parts.length
    for (const part of parts) survey(part, found)
  }
  return found
}

/**
 * First key that is given twice in one object of a JSON text known to be valid; null when none is. JSON.parse keeps the
 * last of two without a word, which would let a file show one thing to one reader and another to the next.
 */
export function firstDuplicateKey(json: string): string | null {
  const open: (Set<string> | null)[] = []
  for (let i = 0; i < json.length; i++) {
    const character = json[i]
    if (character === '{') open.push(new Set())
    else if (character === '[') open.push(null)
    else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const end = closingQuote(json, i)
      let next = end + 1
      while (' \t\r\n'.includes(json[next] ?? '.')) next++
      const keys = open.at(-1)
      if (json[next] === ':' && keys) {
        const key = JSON.parse(json.slice(i, end + 1)) as string
        if (keys.has(key)) return key
        keys.add(key)
      }
      i = end
    }
  }
  return null
}

function parse(text: string, endless: boolean): Read<unknown> {
  const given = keysGiven(text)
  if (given === Infinity) return { value: null, fault: `it nests deeper than ${MAX_JSON_DEPTH} levels` }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { value: null, fault: NO_JSON }
  }
  const { keys, finite } = survey(value, { keys: 0, finite: true })
  if (!finite && !endless) return { value: null, fault: 'it holds a number that is not finite' }
  // As many as are kept were given: only where one is missing is its name looked for.
  const twice = keys === given ? null : firstDuplicateKey(text)
  return twice === null ? { value, fault: null } : { value: null, fault: `it gives "${shortened(twice)}" twice` }
}

/**
 * Parses JSON of at most MAX_JSON_DEPTH levels, whose keys are given once and whose numbers are all finite: `1e999` is
 * read as infinite.
 */
export const parseJson = (text: string): Read<unknown> => parse(text, false)

/** The same with numbers of any size, for files that write infinity where nobody reads it. */
export const parseLoosely = (text: string): Read<unknown> => parse(text, true)
