/** Rows of a prompt file, whatever its format: CSV or TSV with a header, a JSON list, or one JSON object per line. */
import { NO_JSON, SpqrError, isObject, parseLoosely, type Read } from '../contracts'
import { recogniseLayout } from './columns'
import { readCsv } from './csv'
import type { OnRow, Row } from './row'

export type PromptFormat = 'CSV' | 'JSON' | 'JSONL'
/** Files above this would not fit into a worker's memory beside their rows. */
export const MAX_PROMPT_FILE_BYTES = 512 * 2 ** 20

const invalid = (
  name: string,
  why: string,
  hint = 'Save it as CSV with a header, as a JSON list, or as one JSON object per line.',
) => new SpqrError('PROMPTS_INVALID', `"${name}" cannot be read as prompts: ${why}.`, hint)

export function checkPromptFileSize(name: string, bytes: number): void {
  if (bytes === 0) throw invalid(name, 'it is empty')
  if (bytes > MAX_PROMPT_FILE_BYTES)
    throw invalid(
      name,
      `it has ${Math.round(bytes / 2 ** 20)} MB, and at most 512 MB are read`,
      'Split it, or draw a sample of it first.',
    )
}

/** Reads every row. Throws PROMPTS_INVALID with the line or row that is wrong. */
export function eachRow(name: string, text: string, onRow: OnRow): PromptFormat {
  const start = text.slice(0, 1000).trimStart()
  if (start === '') throw invalid(name, 'it is empty')
  if (start.startsWith('PK\u0003\u0004'))
    throw invalid(name, 'it is an Excel or ZIP file', 'Open it and save it as CSV (UTF-8).')
  if (start.startsWith('PAR1')) throw invalid(name, 'it is a Parquet file', 'Convert it to CSV or JSONL first.')
  if (/^<(!doctype|html|\?xml)/i.test(start))
    throw invalid(name, 'it is a web page', 'Download the file itself, not the page that shows it.')
  if (text.includes('\0')) throw invalid(name, 'it is no text file')
  if (start.startsWith('[')) {
    readList(name, text, onRow)
    return 'JSON'
  }
  if (start.startsWith('{')) return readObjects(name, text, onRow)
  if (/\.(json|jsonl|ndjson)$/i.test(name)) throw invalid(name, NO_JSON)
  readCsv(name, text, onRow, invalid)
  return 'CSV'
}

/** `{"prompts": […]}` and its like, or one object per line. */
function readObjects(name: string, text: string, onRow: OnRow): PromptFormat {
  const end = text.indexOf('\n', text.indexOf('{'))
  const first = parsed(end < 0 ? text : text.slice(0, end))
  if (isObject(first.value) && end >= 0 && text.slice(end).trim() !== '') {
    readLines(name, text, onRow)
    return 'JSONL'
  }
  const { value: whole, fault } = first.fault === null || end < 0 ? first : parsed(text)
  // One object per line is no JSON as a whole: then what is wrong with its first line is the reason.
  if (!isObject(whole)) throw invalid(name, (fault === NO_JSON ? first.fault : fault) ?? NO_JSON)
  const lists = Object.entries(whole).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]))
  const splits = lists.filter(([, values]) => values.some(isObject))
  if (splits.length > 1) {
    const names = splits.map(([key]) => `"${key.slice(0, 40)}"`)
    throw invalid(
      name,
      `it holds ${splits.length} lists of rows (${names.slice(0, 4).join(', ')}${names.length > 4 ? ', …' : ''})`,
      'Save the one that you mean as a file of its own.',
    )
  }
  // An object with a text of its own is one row, and its lists are its tags, unless its prompts are one of them.
  const said = recogniseLayout(Object.keys(whole))?.mapping.text
  const single = !Array.isArray(whole[said ?? '']) && Object.values(whole).some((value) => typeof value === 'string')
  const list = splits[0]?.[1] ?? (lists.length === 1 && !single ? lists[0]?.[1] : undefined)
  if (!list && lists.length > 1 && !single)
    throw invalid(name, `it holds ${lists.length} lists, one per column`, 'Write one object per prompt.')
  const isColumn = (value: unknown) =>
    isObject(value) && !Object.values(value).some((cell) => typeof cell === 'object' && cell !== null)
  const values = Object.values(whole)
  const rows = list ?? (values.length > 0 && values.every(isNamedRow) ? values : undefined)
  if (!rows && values.length > 0 && values.every(isColumn))
    throw invalid(
      name,
      'it holds an object for every column',
      'Write one object per prompt: in pandas, to_json(orient="records").',
    )
  if (rows) readValues(name, rows, onRow)
  else onRow(rowOf(whole), 1)
  return 'JSON'
}

/** A row under its number or id, as pandas' to_json(orient="index") writes it: one of its fields is called as texts are. */
const isNamedRow = (value: unknown): boolean => isObject(value) && recogniseLayout(Object.keys(value)) !== null

function readList(name: string, text: string, onRow: OnRow): void {
  const { value: list, fault } = parsed(text)
  if (!Array.isArray(list)) throw invalid(name, fault ?? NO_JSON)
  readValues(name, list, onRow)
}

function readValues(name: string, list: readonly unknown[], onRow: OnRow): void {
  if (list.length === 0) throw invalid(name, 'its list is empty')
  list.forEach((value, i) => {
    onRow(typeof value === 'string' ? new Map([['prompt', value]]) : rowOf(value), i + 1)
  })
}

function readLines(name: string, text: string, onRow: OnRow): void {
  let number = 0
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    const line = text.slice(at, end).trim()
    at = end + 1
    if (line === '') continue
    number++
    const { value, fault } = parsed(line)
    if (fault !== null && fault !== NO_JSON) throw invalid(name, `in line ${number} ${fault}`)
    if (!isObject(value)) throw invalid(name, `line ${number} is no JSON object`)
    onRow(rowOf(value), number)
  }
}

function parsed(text: string): Read<unknown> {
  const read = parseLoosely(text)
  // Python writes numbers that JSON lacks; they are read as absent values.
  return read.fault === NO_JSON
    ? parseLoosely(
        text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) => (token.startsWith('"') ? token : 'null')),
      )
    : read
}

/** Lists become text with commas, as I2P writes its categories; nested objects are left out. */
function rowOf(value: unknown): Row {
  const row = new Map<string, string>()
  if (!isObject(value)) return row
  for (const [key, field] of Object.entries(value)) {
    if (typeof field === 'string') row.set(key, field)
    else if (typeof field === 'number' || typeof field === 'boolean') row.set(key, String(field))
    else if (Array.isArray(field))
      row.set(key, field.filter((part) => typeof part === 'string' || typeof part === 'number').join(', '))
  }
  return row
}
