/** `npm run report` as a user calls it: stored runs in, files out, one-sentence errors. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Papa from 'papaparse'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scoreCells } from '../../../src/evaluation/publish/htmlText'
import { stored } from '../evaluation/publish/sources'

let folder = ''
const at = (name: string) => join(folder, name)
const ESD = 'tests/fixtures/0.1.0/esd-x.report.json'
const run = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', 'src/cli/report.ts', ...args], { encoding: 'utf8' })

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'spqr-report-'))
  mkdirSync(at('full'))
  writeFileSync(at('file'), '')
  const forged = stored('esd-x')
  forged.scores.S = { value: 0.5, low: 0.4, high: 0.6, n: 8 }
  writeFileSync(at('forged.json'), JSON.stringify(forged))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('writes two stored runs in every format, with the figures that they state', () => {
  const out = at('new/folder')
  const { status, stdout, stderr } = run(
    '--in',
    ESD,
    '--in',
    'tests/fixtures/0.1.0/uce-live.report.json',
    '--format',
    'all',
    '--out',
    out,
  )
  expect(stderr).toBe('The table of samples leaves out the quality features; the JSON of the Report has them.\n')
  expect(status).toBe(0)
  expect(stdout.trim().split('\n').sort()).toEqual(
    readdirSync(out)
      .map((name) => join(out, name))
      .sort(),
  )
  const report = stored('esd-x')
  const { data } = Papa.parse<Record<string, string>>(readFileSync(join(out, 'spqr-runs.csv'), 'utf8'), {
    header: true,
    skipEmptyLines: true,
  })
  expect(data.map(({ run: id }) => id)).toEqual([report.id, stored('uce-live').id])
  expect(Number(data[0]?.SPQR)).toBeCloseTo(report.scores.SPQR.value ?? 1, 12)
  const html = readFileSync(join(out, `spqr-${report.id.slice(0, 8)}.html`), 'utf8')
  for (const score of Object.values(report.scores)) expect(html).toContain(scoreCells(score, 'share'))
}, 120_000)

test('refuses a wrong command line with 2 and a changed file with 1, and writes nothing', () => {
  const cases: [string[], number, string][] = [
    [['--format', 'csv', '--out', at('no')], 2, '"--in" is missing'],
    [['--in', ESD, '--format', 'csv,docx', '--out', at('no')], 2, 'There is no format "docx"'],
    [['--in', ESD, '--format', 'csv', '--out', at('file')], 2, 'it is a file'],
    [['--in', ESD, '--format', 'csv', '--out', at('file/below')], 2, 'cannot be written'],
    [['--in', at('missing.json'), '--format', 'csv', '--out', at('no')], 2, 'cannot be read (ENOENT)'],
    [
      ['--in', at('forged.json'), '--format', 'csv', '--out', at('no')],
      1,
      'states S 0.500, and its samples give 1.000',
    ],
  ]
  for (const [args, status, sentence] of cases) {
    const result = run(...args)
    expect(result.stderr).toContain(sentence)
    expect(result.status).toBe(status)
    expect(result.stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
  }
  expect(existsSync(at('no'))).toBe(false)
}, 240_000)
