/** Parameters from the page's URL, the command line or the scripting API. The table is in paramsTable.ts. */
import { SpqrError, shortened } from '../../core/contracts'
import { PARAMETERS, type Parameter, type ParameterName, type Parameters } from './paramsTable'
import { ParameterProblem } from './parsers'

export { PARAMETERS } from './paramsTable'
export type { ParameterName, Parameters, RunParameters } from './paramsTable'

export interface ParsedParameters {
  values: Parameters
  /** Names that were given explicitly. */
  given: ParameterName[]
  /** Names that no parameter has, as they were written: to be reported, never ignored. */
  unknown: string[]
}

function isName(name: string): name is ParameterName {
  return Object.hasOwn(PARAMETERS, name)
}

/** Defaults of every parameter. */
export function defaultParameters(): Parameters {
  const entries = Object.entries(PARAMETERS).map(([name, { default: value }]) => [name, value] as const)
  return Object.fromEntries(entries) as unknown as Parameters
}

/**
 * Reads name-value pairs; the last of equal names counts. A value out of range throws BAD_INPUT that names the
 * parameter and what it must be; unknown names are collected.
 */
export function parseParameters(pairs: Iterable<readonly [string, string]>): ParsedParameters {
  const values = defaultParameters() as unknown as Record<string, unknown>
  const given = new Set<ParameterName>()
  const unknown: string[] = []
  for (const [name, text] of pairs) {
    if (!isName(name)) {
      if (!unknown.includes(name)) unknown.push(name)
      continue
    }
    const { parse } = PARAMETERS[name] as Parameter<unknown>
    try {
      values[name] = parse(text)
    } catch (error) {
      if (!(error instanceof ParameterProblem)) throw error
      throw new SpqrError(
        'BAD_INPUT',
        `Parameter "${name}" must be ${error.message}; it is "${shortened(text)}".`,
        PARAMETERS[name].comment,
      )
    }
    given.add(name)
  }
  return { values: values as unknown as Parameters, given: [...given], unknown }
}

function firstNames(unknown: readonly string[]): string {
  const more = unknown.length > 3 ? ` and ${unknown.length - 3} more` : ''
  const first = unknown.slice(0, 3).map((name) => `"${shortened(name)}"`)
  return first.join(', ') + more
}

/** The same for readers of a page, who did not write the address; null when there is nothing to say. */
export function strangeSentence(unknown: readonly string[]): string | null {
  if (unknown.length === 0) return null
  return `The address names ${firstNames(unknown)}, which this page has no setting for.`
}

/** One sentence naming the unknown parameters, or null when there are none. */
export function unknownSentence(unknown: readonly string[]): string | null {
  if (unknown.length === 0) return null
  const names = firstNames(unknown)
  const known = Object.keys(PARAMETERS).join(', ')
  return unknown.length === 1
    ? `Unknown parameter ${names}: known are ${known}.`
    : `Unknown parameters ${names}: known are ${known}.`
}

/** The first three of several sentences, and how many more there are. */
export function firstSentences(sentences: readonly string[]): string {
  const more = sentences.length > 3 ? [`And ${sentences.length - 3} more.`] : []
  return [...sentences.slice(0, 3), ...more].join(' ')
}

/** Pairs of a URL query such as `?preset=smoke&ep=wasm`; a broken escape throws BAD_INPUT. */
export function queryPairs(search: string): [string, string][] {
  const decode = (part: string) => {
    try {
      return decodeURIComponent(part.replaceAll('+', ' '))
    } catch {
      throw new SpqrError(
        'BAD_INPUT',
        `The address holds a broken escape: "${shortened(part)}".`,
        'Check the part after the question mark.',
      )
    }
  }
  return search
    .replace(/^\?/, '')
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=')
      return at < 0 ? [decode(part), ''] : [decode(part.slice(0, at)), decode(part.slice(at + 1))]
    })
}

/** Pairs of a command line: `--name value`, `--name=value`, or `--name` alone; anything else throws BAD_INPUT. */
export function argumentPairs(argv: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (!word.startsWith('--') || word === '--') {
      throw new SpqrError(
        'BAD_INPUT',
        `"${word}" is not an option.`,
        'Options are written --name value; --help lists them.',
      )
    }
    const at = word.indexOf('=')
    if (at > 0) {
      pairs.push([word.slice(2, at), word.slice(at + 1)])
      continue
    }
    const next = argv[i + 1]
    if (next === undefined || next.startsWith('--')) {
      pairs.push([word.slice(2), ''])
    } else {
      pairs.push([word.slice(2), next])
      i++
    }
  }
  return pairs
}

/** The query that reproduces parameters, only what differs from the default, in the table's order. */
export function toQuery(values: Parameters): string {
  const parts: string[] = []
  for (const [name, { default: fallback }] of Object.entries(PARAMETERS)) {
    const value = values[name as ParameterName]
    const text = value === null ? '' : String(value)
    if (text !== (fallback === null ? '' : String(fallback))) parts.push(`${name}=${encodeURIComponent(text)}`)
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}
