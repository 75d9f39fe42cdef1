/**
 * Reading what comes from outside (files, links, servers, storage of other versions): the first fault of a value in plain
 * words. Callers put the words into their own sentence.
 */
import * as v from 'valibot'

/** Values looked at when the further faults of a file are counted. */
const COUNTED = 5000
/** Longest name or value of a file that a sentence shows. */
const SHOWN = 60

/** A value that was read, or what is wrong as the end of a sentence. */
export type Read<T> = { value: T; fault: null } | { value: null; fault: string }

/**
 * Schema of an object whose keys are names from outside. valibot's `record` leaves out keys such as "constructor" without
 * a word; here they are names like any other, defined and never assigned, so that "__proto__" is one as well.
 */
export function named<Value extends v.GenericSchema>(
  schema: Value,
): v.GenericSchema<Record<string, v.InferOutput<Value>>> {
  return v.pipe(
    v.custom<Record<string, v.InferOutput<Value>>>(isObject, 'an object is wanted'),
    v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
      const entries: [string, v.InferOutput<Value>][] = []
      for (const [key, part] of Object.entries(value)) {
        const checked = v.safeParse(schema, part, { abortEarly: true })
        if (!checked.success) {
          addIssue({
            message: describeIssue(checked.issues[0]),
            path: [{ type: 'object', origin: 'value', input: value, key, value: part }],
          })
          return NEVER
        }
        entries.push([key, checked.output])
      }
      return Object.fromEntries(entries) as Record<string, v.InferOutput<Value>>
    }),
  )
}

/** A JSON object: neither null nor a list. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Names that every object has already: looked up in a plain object they would be found where nobody put them. */
export const isReserved = (name: string): boolean => name === 'prototype' || name in {}

/** Checks a value; the fault names the first wrong field, what is wrong with it, and how many more there are. */
export function checkShape<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
): Read<v.InferOutput<Schema>> {
  // Stops at the first fault: a file of a million wrong numbers would otherwise become a million issues.
  const checked = v.safeParse(schema, value, { abortEarly: true })
  if (checked.success) return { value: checked.output, fault: null }
  return { value: null, fault: describeIssue(checked.issues[0]) + furtherFaults(schema, value) }
}

function furtherFaults(schema: v.GenericSchema, value: unknown): string {
  if (!isSmall(value)) return ''
  const all = v.safeParse(schema, value)
  const more = all.success ? 0 : all.issues.length - 1
  return more > 0 ? `, and ${more} more` : ''
}

function isSmall(value: unknown): boolean {
  const open: unknown[] = [value]
  for (let seen = 0; open.length > 0; seen++) {
    if (seen > COUNTED) return false
    const next = open.pop()
    if (ArrayBuffer.isView(next)) continue
    if (Array.isArray(next) && next.length > COUNTED) return false
    if (typeof next === 'object' && next !== null) for (const part of Object.values(next)) open.push(part)
  }
  return true
}

/** At most SHOWN characters of an outside text, on one line. */
export function shortened(text: string): string {
  const line = text.slice(0, SHOWN + 1).replace(/[\s\p{Cc}]+/gu, ' ')
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line
}

/** Where an issue is, as a reader finds it in the file. */
function placeOf(issue: v.BaseIssue<unknown>): string {
  const parts = (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? `entry ${key + 1}` : String(key)))
  return parts
    .map(shortened)
    .join(' › ')
    .slice(0, 3 * SHOWN)
}

const NOUNS = new Map([
  ['number', 'a number'],
  ['string', 'text'],
  ['boolean', 'true or false'],
  ['Array', 'a list'],
  ['Object', 'an object'],
  ['null', 'nothing (null)'],
  ['undefined', 'nothing'],
])

function nounOf(spelled: string): string {
  if (spelled.startsWith('"')) return 'text'
  if (/^-?\d/.test(spelled)) return 'a number'
  return NOUNS.get(spelled) ?? shortened(spelled)
}

/** What a list of choices asks for: `("a" | "b")` as valibot spells it. */
function wantedOf(expected: string): string {
  if (!expected.includes('"') && !expected.includes('|')) return nounOf(expected)
  const choices = expected.replace(/^\(|\)$/g, '').split(' | ')
  const named = choices.map((choice) => NOUNS.get(choice) ?? choice.replaceAll('"', ''))
  return named.length > 6 ? 'one of the known values' : named.join(' or ')
}

function problemOf(issue: v.BaseIssue<unknown>): string {
  const { type, expected, received, message } = issue
  if (!message.startsWith('Invalid ')) return shortened(message)
  if (expected === 'never') return 'no such field is known'
  if (received === 'undefined') return 'it is missing'
  if (issue.kind === 'schema') {
    const [wanted, given] = [wantedOf(expected ?? ''), nounOf(received)]
    return wanted === given
      ? `${shortened(expected ?? '')} is wanted, and it is ${shortened(received)}`
      : `${wanted} is wanted, and it is ${given}`
  }
  switch (type) {
    case 'integer':
      return 'a whole number is wanted'
    case 'finite':
      return 'a finite number is wanted'
    case 'regex':
      return 'it is not spelled as it has to be'
    case 'max_length':
      return 'it is too long'
    default:
      return `${shortened(expected ?? 'another value')} is wanted, and it is ${shortened(received)}`
  }
}

/** One issue as the end of a sentence: `"spec › seed": a whole number is wanted`. */
export function describeIssue(issue: v.BaseIssue<unknown>): string {
  const place = placeOf(issue)
  return place === '' ? problemOf(issue) : `"${place}": ${problemOf(issue)}`
}
