/** CSV and its relatives: comma, semicolon or tab, any line ends, Excel's `sep=` line, or a plain list of lines. */
import Papa from 'papaparse'
import type { SpqrError } from '../contracts'
import { recogniseLayout } from './columns'
import type { OnRow } from './row'

type Invalid = (name: string, why: string, hint?: string) => SpqrError

/** Column of a list without a header. */
const LINE_COLUMN = 'prompt'

/** Every line end becomes the same: files that were put together hold several kinds. Inside quotes it is a blank anyway. */
const oneLineEnd = (text: string): string => (text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text)

const columnsOf = (header: string, delimiter: string): string[] =>
  header.split(delimiter).map((column) => column.trim().replace(/^"|"$/g, ''))

/**
 * What separates the fields, a tab, semicolon or comma: the mark that the first row holds as often as the header does, then
 * the one that gives more columns, then the first that gives a usual name.
 */
function delimiterOf([header = '', row = '']: readonly string[]): string {
  const times = (line: string, mark: string) => line.replace(/"[^"]*"/g, '').split(mark).length - 1
  const ranked = ['\t', ';', ',']
    .map((mark) => ({
      mark,
      agrees: Number(times(row, mark) === times(header, mark)),
      marks: times(header, mark),
      named: Number(recogniseLayout(columnsOf(header, mark)) !== null),
    }))
    .filter(({ marks }) => marks > 0)
    .sort((a, b) => b.agrees - a.agrees || b.marks - a.marks || b.named - a.named)
  return ranked[0]?.mark ?? ','
}

/** Row by row, so that a large file never lies here as a table too. */
export function readCsv(name: string, given: string, onRow: OnRow, invalid: Invalid): void {
  const lines = oneLineEnd(given.replace(/^\uFEFF/, ''))
  const said = /^"?sep=(.)"?\n/i.exec(lines)
  const text = said ? lines.slice(said[0].length) : lines
  const head = text.trimStart().split('\n', 2)
  if (isPlainList(name, head, said !== null)) {
    readLines(text, onRow)
    return
  }
  readTable(name, text, said?.[1] ?? delimiterOf(head), onRow, invalid)
}

/** A `.txt` whose first line names no known column is a list of prompts, one a line. */
function isPlainList(name: string, head: readonly string[], said: boolean): boolean {
  if (said || !/\.txt$/i.test(name)) return false
  return recogniseLayout(columnsOf(head[0] ?? '', delimiterOf(head))) === null
}

function readLines(text: string, onRow: OnRow): void {
  let number = 0
  for (const line of text.split('\n')) if (line.trim() !== '') onRow(new Map([[LINE_COLUMN, line.trim()]]), ++number)
}

function readTable(name: string, text: string, delimiter: string, onRow: OnRow, invalid: Invalid): void {
  let columns: string[] | null = null
  let number = 0
  let problem: SpqrError | null = null
  Papa.parse<string[]>(text, {
    delimiter,
    newline: '\n',
    skipEmptyLines: 'greedy',
    step: ({ data, errors }, parser) => {
      if (errors.some(({ type }) => type === 'Quotes')) {
        problem = invalid(
          name,
          `row ${number + 1} has a quotation mark that is not closed`,
          'Close it, or double it if it belongs to the text.',
        )
      } else if (columns && data.slice(columns.length).some((field) => field.trim() !== '')) {
        problem = invalid(
          name,
          `row ${number + 1} has ${data.length} fields, and the header has ${columns.length}`,
          'Put texts that hold a comma in quotation marks.',
        )
      } else if (columns) {
        onRow(new Map(columns.map((column, i) => [column, data[i] ?? ''])), ++number)
      } else {
        columns = data.map((header) => header.trim())
        const twice = columns.find((column, i) => column !== '' && columns?.indexOf(column) !== i)
        if (twice !== undefined)
          problem = invalid(
            name,
            `two of its columns are called "${twice.slice(0, 60)}"`,
            'Give each a name of its own.',
          )
      }
      if (problem) parser.abort()
    },
  })
  if (problem) throw problem as SpqrError
  if (number === 0) throw invalid(name, 'it has a header and no rows')
}
