/**
 * What R's `read.csv(file)` makes of a table, by its documented rules: quotes are doubled inside of quotes, blank lines
 * are left out, `NA` and the empty cells of columns that are no text are missing, a column is of the narrowest of
 * logical, integer, numeric and character that all its cells fit, and names are made valid and unique.
 */
export interface RColumn {
  type: 'logical' | 'integer' | 'numeric' | 'character'
  values: (boolean | number | string | null)[]
}

const MOST_INTEGER = 2_147_483_647
/** Only these spellings, none in small letters. */
const TRUTHS = new Map([
  ['T', true],
  ['TRUE', true],
  ['F', false],
  ['FALSE', false],
])
const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/
const WORDS = ['if', 'else', 'repeat', 'while', 'function', 'for', 'next', 'break', 'in', 'TRUE', 'FALSE', 'NULL', 'NA']

/** Rows of cells; a quote opens a quoted part only at the start of a cell. */
function cellsOf(text: string): string[][] {
  const rows: string[][] = []
  for (const [, cells = ''] of text.matchAll(/((?:"(?:[^"]|"")*"|[^"\n])+)(?:\n|$)/g)) {
    const row = [...`,${cells}`.matchAll(/,("(?:[^"]|"")*"|[^,]*)/g)].map(([, cell = '']) => cell)
    rows.push(row.map((cell) => (cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell)))
  }
  return rows
}

function namesOf(header: readonly string[]): string[] {
  const valid = header.map((name) => {
    const made = name.replace(/[^\p{L}\p{N}._]/gu, '.')
    const begun = /^(?:\p{L}|\.(?!\d))/u.test(made) ? made : `X${made}`
    return WORDS.includes(begun) ? `${begun}.` : begun
  })
  const taken = new Set<string>()
  return valid.map((name) => {
    let unique = name
    for (let i = 1; taken.has(unique); i++) unique = `${name}.${i}`
    taken.add(unique)
    return unique
  })
}

function columnOf(cells: readonly string[]): RColumn {
  const blank = (cell: string) => cell === 'NA' || cell.trim() === ''
  const filled = cells.filter((cell) => !blank(cell))
  const converted = (type: RColumn['type'], value: (cell: string) => boolean | number | null): RColumn => ({
    type,
    values: cells.map((cell) => (blank(cell) ? null : value(cell))),
  })
  if (filled.every((cell) => TRUTHS.has(cell))) return converted('logical', (cell) => TRUTHS.get(cell) ?? null)
  if (filled.every((cell) => NUMBER.test(cell))) {
    const whole = filled.every((cell) => /^\s*[+-]?\d+\s*$/.test(cell) && Math.abs(Number(cell)) <= MOST_INTEGER)
    return converted(whole ? 'integer' : 'numeric', Number)
  }
  return { type: 'character', values: cells.map((cell) => (cell === 'NA' ? null : cell)) }
}

/** Columns by their names, in order. */
export function readCsvAsR(text: string): Map<string, RColumn> {
  const [header = [], ...rows] = cellsOf(text)
  for (const [i, row] of rows.entries())
    if (row.length !== header.length) throw new Error(`row ${i + 1} has ${row.length} cells, not ${header.length}`)
  return new Map(namesOf(header).map((name, at) => [name, columnOf(rows.map((row) => row[at] ?? ''))]))
}
