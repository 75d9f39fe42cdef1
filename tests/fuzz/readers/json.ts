/** A reader of JSON texts: each is changed in its structure, or letter by letter. */
import { firstDuplicateKey } from '../../../src/core/contracts'
import { changeJson, changeText, doubleKey, type Change, type Input } from '../mutate'
import type { Reader } from '../reader'

/** Structure eleven times in sixteen, letters four times, and once a key twice. */
export function change(text: string, list: readonly Change[]): string {
  if (list.length === 0) return text
  const way = (list[0]?.[2] ?? 0) % 16
  if (way === 5) return doubleKey(text, list)
  return way % 4 === 0 ? changeText(text, list) : changeJson(text, list)
}

/** Whether a text says two things under one key: whatever a reader makes of it, the file says something else too. */
export function isDouble(text: string): boolean {
  try {
    JSON.parse(text)
  } catch {
    return false
  }
  return firstDuplicateKey(text) !== null
}

interface Options {
  name: string
  texts: readonly string[]
  read(text: string, seed: number): unknown
  /** Puts a changed text into what carries it, such as check digits that fit. */
  wrap?: (text: string, seed: number) => Input
  /** The wrapping writes the text anew, and so loses a key that is given twice. */
  rewrites?: boolean
  different?: Reader['different']
}

export function jsonReader(options: Options): Reader {
  const { name, texts, read, wrap, rewrites = false, different = () => false } = options
  /** The text within the input made last. */
  let given = ''
  return {
    name,
    seeds: texts.length,
    make: (seed, list) => {
      given = change(texts[seed]!, list)
      return wrap ? wrap(given, seed) : given
    },
    read: (input, seed) => read(input as string, seed),
    different: (result, input, seed) => (!rewrites && isDouble(given)) || different(result, input, seed),
  }
}

/** Whether a value holds a number that is none. */
export function unfinished(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return false
  const parts = value instanceof Map || value instanceof Set ? [...value.values()] : Object.values(value)
  return parts.some(unfinished)
}

export const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
