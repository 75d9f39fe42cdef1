/**
 * Rows → a prompt set: texts with ids, categories and languages, in an order that a seed decides. A run takes prompts
 * from the head of a suite, so the order is the sample: categories are spread evenly, and inside one the seed draws.
 */
import { categoriesOf, categoryNames, joinCategories } from '../categories'
import { SpqrError, shortened, type Prompt } from '../contracts'
import type { ColumnMapping } from './columns'
import { eachRow, type PromptFormat } from './rows'

/** Prompts kept of one file; more rows than that are sampled. */
export const MAX_PROMPTS = 100_000
/** As PromptSchema: longer ones are no prompts. */
const MAX_TEXT = 2000
const MAX_LABEL = 100

export interface PromptSetOptions {
  suite: string
  mapping: ColumnMapping
  /** Language of every row when the file has no such column, as a tag like `en`. */
  language: string
  seed: number
  /** Prompts kept; at most MAX_PROMPTS. */
  limit?: number
}

export interface PromptSet {
  suite: string
  format: PromptFormat
  prompts: Prompt[]
  rows: number
  categories: Record<string, number>
  languages: Record<string, number>
  /** What was left out or changed, one sentence each; never with a prompt's text. */
  notes: string[]
}

const count = (n: number, what: string): string => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`

/** 32 bits drawn from seed and id (FNV-1a, then the finaliser of MurmurHash3): a million rows take a second. */
function draw(seed: number, id: string): number {
  let h = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < id.length; i++) h = Math.imul(h ^ id.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

interface Drawn {
  prompt: Prompt
  at: number
}

/** The smallest draws among many, in bounded memory: twice the limit at most. */
class Reservoir {
  kept: Drawn[] = []
  constructor(private readonly limit: number) {}

  add(drawn: Drawn): void {
    this.kept.push(drawn)
    if (this.kept.length >= 2 * this.limit) this.cut()
  }

  cut(): Drawn[] {
    this.kept.sort((a, b) => a.at - b.at)
    this.kept.length = Math.min(this.kept.length, this.limit)
    return this.kept
  }
}

/** Rows that are left out, or not taken as they are, by why. */
interface Left {
  empty: number
  long: number
  several: number
  /** Rows with more categories than a label holds. */
  crowded: number
  unnamed: number
}

/** A row as a prompt; null where it holds none that can be read, which `left` then counts. */
function promptOf(
  row: { get(column: string): string | undefined },
  number: number,
  { suite, mapping, language }: PromptSetOptions,
  ids: Set<string>,
  left: Left,
): Prompt | null {
  const field = (column: string | null) => (column === null ? '' : (row.get(column) ?? ''))
  const words = field(mapping.text).trim()
  if (words === '') {
    left.empty++
    return null
  }
  if (words.length > MAX_TEXT) {
    left.long++
    return null
  }
  const names = categoriesIn(field(mapping.category))
  const category = joinCategories(names, MAX_LABEL)
  if (names.length > 1) left[categoriesOf(category).length < names.length ? 'crowded' : 'several']++
  const own = field(mapping.id).trim()
  // An id of a row that has none, or another's, is its place in the file.
  const id = own === '' || own.length > MAX_LABEL || ids.has(own) ? `row-${number}` : own
  if (mapping.id !== null && id !== own) left.unnamed++
  ids.add(id)
  const spoken = field(mapping.language).trim() || language
  return {
    id,
    text: words,
    language: spoken.slice(0, MAX_LABEL),
    suite,
    category: category || 'all',
    concept: null,
  }
}

/** What was left out or changed, one sentence each. */
function leftNotes(left: Left, usable: number, drawn: number, seed: number): string[] {
  const { empty, long, several, crowded, unnamed } = left
  return [
    ...(usable > drawn
      ? [`${count(usable, 'prompt')} in the file; ${count(drawn, 'prompt')} drawn with seed ${seed}.`]
      : []),
    ...(empty > 0 ? [`${count(empty, 'row')} without a prompt left out.`] : []),
    ...(long > 0 ? [`${count(long, 'prompt')} longer than ${MAX_TEXT.toLocaleString('en')} characters left out.`] : []),
    ...(several > 0 ? [`${count(several, 'row')} with several categories counted under each.`] : []),
    ...(crowded > 0
      ? [
          `${count(crowded, 'row')} with more categories than ${MAX_LABEL} characters hold counted under the first ones.`,
        ]
      : []),
    ...(unnamed > 0 ? [`${count(unnamed, 'row')} without an id of its own named by its place in the file.`] : []),
  ]
}

/** Throws PROMPTS_INVALID when no row holds a prompt, or the file cannot be read. */
export function readPromptSet(name: string, text: string, options: PromptSetOptions): PromptSet {
  const { suite, mapping, seed, limit = MAX_PROMPTS } = options
  const reservoir = new Reservoir(Math.min(limit, MAX_PROMPTS))
  const left: Left = { empty: 0, long: 0, several: 0, crowded: 0, unnamed: 0 }
  const ids = new Set<string>()
  let rows = 0
  const format = eachRow(name, text, (row, number) => {
    rows = number
    const prompt = promptOf(row, number, options, ids, left)
    if (prompt) reservoir.add({ at: draw(seed, prompt.id), prompt })
  })
  const sampled = reservoir.cut()
  if (sampled.length === 0)
    throw new SpqrError(
      'PROMPTS_INVALID',
      `No row of "${name}" holds a prompt in its column "${shortened(mapping.text)}".`,
      'Choose the column that holds the prompts.',
    )
  const prompts = spread(sampled)
  return {
    suite,
    format,
    prompts,
    rows,
    categories: tally(prompts.flatMap(({ category }) => categoriesOf(category))),
    languages: tally(prompts.map((prompt) => prompt.language)),
    notes: leftNotes(left, rows - left.empty - left.long, prompts.length, seed),
  }
}

/** The names in a category field, each once; pandas writes lists as Python spells them, `['calm', 'home']`. */
function categoriesIn(field: string): string[] {
  const list = /^\s*\[(.*)\]\s*$/s.exec(field)
  return categoryNames(list ? listItems(list[1] ?? '') : field.split(','))
}

/** An item of a list, after what parts it from the one before: in quotes, or all up to the next comma. */
const ITEM = /[\s,]*(?:'([^'\\]*(?:\\.[^'\\]*)*)'|"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s,'"][^,]*))(?=[\s,'"]|$)/gsy
/** Characters of a list that is read with its quotes; a field of more holds no names. */
const MAX_LIST = 10_000

/** Items of a list: quoted ones may hold commas, and NumPy writes none between them; a quote without its end is a letter. */
function listItems(inner: string): string[] {
  const written = inner.trimEnd()
  const items = written.length > MAX_LIST ? [] : [...written.matchAll(ITEM)]
  const read = items.reduce((length, [item]) => length + item.length, 0)
  if (!/^[\s,]*$/.test(written.slice(read)))
    return inner.split(',').map((part) => part.trim().replace(/^(['"])(.*)\1$/s, '$2'))
  return items.map(([, one, other, bare]) => bare?.trim() ?? (one ?? other ?? '').replace(/\\([\\'"])/g, '$1'))
}

/** Drawn prompts with their (first) categories spread evenly, so that every head of the list is a sample of all. */
function spread(drawn: readonly Drawn[]): Prompt[] {
  const sizes = new Map<string, number>()
  const ranked = drawn.map(({ prompt }) => {
    const [first = ''] = categoriesOf(prompt.category)
    const rank = sizes.get(first) ?? 0
    sizes.set(first, rank + 1)
    return { prompt, first, rank }
  })
  const order = new Map([...sizes.keys()].map((category, i) => [category, i]))
  return ranked
    .map(({ prompt, first, rank }) => ({
      prompt,
      at: (rank + 0.5) / sizes.get(first)!,
      which: order.get(first)!,
    }))
    .sort((a, b) => a.at - b.at || a.which - b.which)
    .map(({ prompt }) => prompt)
}

function tally(values: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  // `Object.fromEntries` defines keys and never assigns them, so that "__proto__" is a key like any other.
  return Object.fromEntries(counts)
}

export interface PromptFilePreview {
  format: PromptFormat
  columns: string[]
  rows: number
}

/** Columns of the first rows, and how many rows there are. Texts stay where they are. */
export function previewPromptFile(name: string, text: string): PromptFilePreview {
  const columns = new Set<string>()
  let rows = 0
  const format = eachRow(name, text, (row, number) => {
    rows = number
    if (number <= 100) for (const column of row.keys()) columns.add(column)
  })
  if (columns.size === 0)
    throw new SpqrError(
      'PROMPTS_INVALID',
      `"${name}" has no named columns.`,
      'Give it a header, or use JSON objects with a field "prompt".',
    )
  return { format, columns: [...columns], rows }
}
