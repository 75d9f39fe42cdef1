/** Parsers of parameters: text of the URL or command line → value. */
import { parseEndpoint, parseModelAddress } from '../../core/sources'

/** Why a value was refused: completes the sentence "<name> must be …". */
export class ParameterProblem extends Error {}

export function oneOf<const T extends string>(...choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text)
    if (found === undefined) throw new ParameterProblem(`one of ${choices.join(', ')}`)
    return found
  }
}

export function integer(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= low && value <= high)) throw new ParameterProblem(`a whole number from ${low} to ${high}`)
    return value
  }
}

export function real(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (!(value >= low && value <= high)) throw new ParameterProblem(`a number from ${low} to ${high}`)
    return value
  }
}

export function optional<T>(parse: (text: string) => T): (text: string) => T | null {
  return (text) => (text === '' ? null : parse(text))
}

export const word = (text: string): string => {
  if (text.length > 200) throw new ParameterProblem('at most 200 characters long')
  return text
}

/** The sentence of a refused address, for a parameter that must be one. */
function addressed(check: (text: string) => unknown, what: string): (text: string) => string {
  return (text) => {
    try {
      if (text !== '') check(text)
    } catch {
      throw new ParameterProblem(what)
    }
    return text.trim()
  }
}
export const modelAddress = addressed(
  parseModelAddress,
  'hf:owner/name, hf:owner/name@revision/subfolder or the https address of a folder',
)
export const mirrorAddress = addressed(parseEndpoint, 'an https address')

export function list<T>(parse: (text: string) => T): (text: string) => T[] {
  return (text) => {
    const parts = text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
    if (parts.length > 500) throw new ParameterProblem('a list of at most 500 entries')
    return parts.map(parse)
  }
}

export function flag(text: string): boolean {
  return oneOf('true', 'false', '')(text) !== 'false'
}
