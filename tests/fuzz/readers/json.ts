/** A reader of JSON texts: each is changed in its structure, or letter by letter. */
import { changeJson, changeText, type Change, type Input } from '../mutate'
import type { Reader } from '../reader'

/** Structure three times in four. */
export function change(text: string, list: readonly Change[]): string {
  if (list.length === 0) return text
  return (list[0]?.[2] ?? 0) % 4 === 0 ? changeText(text, list) : changeJson(text, list)
}

interface Options {
  name: string
  texts: readonly string[]
  read(text: string, seed: number): unknown
  /** Puts a changed text into what carries it, such as check digits that fit. */
  wrap?: (text: string, seed: number) => Input
  different?: Reader['different']
  dear?: boolean
}

export function jsonReader({ name, texts, read, wrap, different = () => false, dear = false }: Options): Reader {
  return {
    dear,
    name,
    seeds: texts.length,
    make: (seed, list) => {
      const text = change(texts[seed]!, list)
      return wrap ? wrap(text, seed) : text
    },
    read: (input, seed) => read(input as string, seed),
    different,
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
