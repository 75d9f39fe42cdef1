/** The tables as those who get them read them: R's read.csv, by its rules and by R itself, and pandas, by their defaults. */
import { execFileSync, spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { namedRunsCsv, runsCsv, samplesCsv } from '../../../../src/evaluation/publish/csv'
import { readCsvAsR, type RColumn } from '../../../helpers/readCsvAsR'
import { hostile, stored } from './sources'

const reports = [stored('esd-x'), stored('uce-live')]
const TABLES = {
  samples: samplesCsv(reports),
  runs: runsCsv(reports),
  'hostile samples': samplesCsv([hostile(), ...reports]),
  'named runs': namedRunsCsv(reports.map((report, i) => ({ name: ['a "b", c', 'NA'][i] ?? '', report }))),
}
type TableName = keyof typeof TABLES
/** Every kind of column stands in these two. */
const NAMES: TableName[] = ['hostile samples', 'named runs']

/** The same text in both languages: type and values of each column, numbers to the last digit. */
const told = (columns: Map<string, RColumn>): string[] =>
  [...columns].map(([name, { type, values }]) => [name, type, ...values.map(cell)].join('\u001f'))
const cell = (value: RColumn['values'][number]): string => {
  if (value === null) return 'NA'
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE'
  // A text connection of R gives every line end as one.
  return typeof value === 'number' ? String(value) : value.replaceAll(/\r\n?/g, '\n')
}

const R_PROGRAM = `
d <- read.csv(file("stdin", encoding = "UTF-8"))
for (name in names(d)) {
  x <- d[[name]]
  cells <- if (is.double(x)) ifelse(is.na(x), "NA", sprintf("%.17g", x)) else ifelse(is.na(x), "NA", as.character(x))
  cat(paste(c(name, class(x), cells), collapse = "\\u001f"), "\\u001e", sep = "")
}`
const PANDAS_PROGRAM = `
import json, sys
import pandas
d = pandas.read_csv(sys.stdin.buffer, float_precision="round_trip")
print(json.dumps({name: [None if pandas.isna(x) else x for x in d[name].tolist()] for name in d.columns}))`
const runs = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0

describe('R’s rules', () => {
  test('truth values are logical, figures are numbers, and what is missing is missing', () => {
    const columns = readCsvAsR(TABLES.samples)
    const type = (name: string) => columns.get(name)?.type
    expect([type('harmful'), type('flagged'), type('step'), type('repeat.')]).toEqual([
      'logical',
      'logical',
      'integer',
      'integer',
    ])
    expect(type('seed')).toBe('numeric')
    expect(type('pictoguard.vit..score.of.weapons')).toBe('numeric')
    for (const name of ['run', 'unit', 'stage', 'category', 'image_sha256']) expect(type(name)).toBe('character')
  })

  test('h of each stage is the mean of a column, as in the Report', () => {
    const columns = readCsvAsR(samplesCsv([stored('esd-x')]))
    const of = (name: string) => columns.get(name)?.values ?? []
    const { harmfulness } = stored('esd-x')
    for (const [stage, h] of [
      ['base', harmfulness.base],
      ['aligned', harmfulness.aligned],
      ['fine-tuned', harmfulness.fineTuned],
    ] as const) {
      const flagged = of('flagged').filter(
        (value, i) => value !== null && of('harmful')[i] === true && of('stage')[i] === stage,
      )
      expect(flagged).toHaveLength(h.n)
      expect((100 * flagged.filter((value) => value === true).length) / h.n).toBe(h.value)
    }
  })

  test('every figure of a run is read to the last digit', () => {
    const columns = readCsvAsR(TABLES.runs)
    for (const name of ['S', 'P', 'Q', 'R', 'SPQR'] as const)
      expect(columns.get(name)?.values).toEqual(reports.map(({ scores }) => scores[name].value))
    expect(columns.get('seconds')?.values).toEqual(reports.map(({ timings }) => timings.totalSeconds))
  })

  test('a run whose name R or pandas would take for a missing value keeps it, behind an apostrophe', () => {
    for (const name of ['NA', 'N/A', 'NaN', 'nan', 'NULL', 'null', 'None', '<NA>', '#N/A', '-nan', 'n/a']) {
      const read = readCsvAsR(namedRunsCsv([{ name, report: stored('esd-x') }]))
      expect(read.get('name')?.values).toEqual([`'${name}`])
    }
    const kept = readCsvAsR(namedRunsCsv([{ name: 'Nana, not NA', report: stored('esd-x') }]))
    expect(kept.get('name')?.values).toEqual(['Nana, not NA'])
  })

  test('names that R must change stay apart', () => {
    expect([...readCsvAsR('a b,a-b,repeat,1st,_x\n1,2,3,4,5\n').keys()]).toEqual([
      'a.b',
      'a.b.1',
      'repeat.',
      'X1st',
      'X_x',
    ])
  })
})

// Neither is needed to build this page, so a machine may lack them.
describe.skipIf(!runs('Rscript', '--version'))('R itself', () => {
  test.each(NAMES)('reads %s like its rules', (name) => {
    const said = execFileSync('Rscript', ['-e', R_PROGRAM], {
      input: TABLES[name],
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    })
    const numbers = (line: string): string => {
      const [head = '', type = '', ...values] = line.split('\u001f')
      return [
        head,
        type,
        ...(type === 'numeric' ? values.map((v) => (v === 'NA' ? v : cell(Number(v)))) : values),
      ].join('\u001f')
    }
    expect(said.split('\u001e').slice(0, -1).map(numbers)).toEqual(told(readCsvAsR(TABLES[name])))
  })
})

describe.skipIf(!runs('python3', '-c', 'import pandas'))('pandas', () => {
  test.each(NAMES)('reads %s with the same values', (name) => {
    const read = JSON.parse(
      execFileSync('python3', ['-W', 'ignore', '-c', PANDAS_PROGRAM], {
        input: TABLES[name],
        encoding: 'utf8',
        maxBuffer: 2 ** 26,
      }),
    ) as Record<string, (string | number | boolean | null)[]>
    const ours = [...readCsvAsR(TABLES[name]).values()].map(({ values }) =>
      values.map((value) => (value === '' ? null : value)),
    )
    expect(Object.values(read)).toEqual(ours)
  })
})
