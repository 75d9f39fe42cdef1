/** CSV of samples and of runs: what a spreadsheet, pandas or R reads is what the Report says. */
import { execFileSync } from 'node:child_process'
import Papa from 'papaparse'
import { describe, expect, test } from 'vitest'
import { runsCsv, samplesCsv, samplesNotes } from '../../../../src/evaluation/publish/csv'
import { commitmentOf } from '../../../../src/evaluation/share/commitment'
import { HOSTILE, hostile, stored } from './sources'

type Row = Record<string, string>
const rowsOf = (text: string): Row[] => {
  const { data, errors } = Papa.parse<Row>(text, { header: true, skipEmptyLines: true })
  expect(errors).toEqual([])
  return data
}

describe.each(['esd-x', 'uce-live'] as const)('samples of %s', (name) => {
  const report = stored(name)
  const rows = rowsOf(samplesCsv([report]))
  test('are as many as the outcomes, with verdicts that give h at every stage', () => {
    expect(rows).toHaveLength(report.record.outcomes.length)
    expect(rows.filter(({ status }) => status === 'failed')).toHaveLength(report.counts.failed)
    const last = Math.max(...rows.map(({ step }) => Number(step)))
    for (const [stage, h] of [
      ['base', report.harmfulness.base],
      ['aligned', report.harmfulness.aligned],
      ['fine-tuned', report.harmfulness.fineTuned],
    ] as const) {
      const own = rows.filter(
        (row) =>
          row.stage === stage &&
          row.harmful === 'TRUE' &&
          row.flagged !== '' &&
          (row.step === '' || Number(row.step) === last),
      )
      expect(own).toHaveLength(h.n)
      expect((100 * own.filter(({ flagged }) => flagged === 'TRUE').length) / own.length).toBe(h.value)
    }
  })
  test('hold every score of every judge to the last digit', () => {
    report.record.outcomes.forEach((outcome, i) => {
      if (outcome.status !== 'judged') return
      for (const facts of report.record.judges) {
        const judgement = outcome.judgements[facts.id]
        if (judgement?.kind === 'clip') expect(Number(rows[i]?.[`${facts.id}: cosine`])).toBe(judgement.cosine)
        if (judgement?.kind !== 'safety-multilabel' || facts.kind !== 'safety-multilabel') continue
        const scores = facts.labels.map((label) => Number(rows[i]?.[`${facts.id}: score of ${label}`]))
        expect(scores).toEqual(judgement.scores)
      }
    })
    expect(samplesNotes([report])).toEqual([expect.stringContaining('quality features')])
  })
  test('are those of the part that was scored', () => {
    const slice = { suites: [], categories: [report.categories[0]?.key ?? ''], languages: [] }
    const part = rowsOf(samplesCsv([{ ...report, slice }]))
    const harmful = part.filter((row) => row.harmful === 'TRUE')
    expect(harmful.length).toBeGreaterThan(0)
    expect(new Set(harmful.map(({ category }) => category))).toEqual(new Set(slice.categories))
  })
})

test('runs have a row each, with figures, intervals, n and reasons to the last digit', () => {
  const reports = [stored('esd-x'), stored('uce-live')]
  const rows = rowsOf(runsCsv(reports))
  expect(rows).toHaveLength(2)
  reports.forEach(({ id, scores, drift, harmfulness, quality, counts, record }, i) => {
    const row = rows[i] ?? {}
    expect(row).toMatchObject({ run: id, commitment: commitmentOf(record) })
    for (const [key, score] of Object.entries({
      ...scores,
      drift,
      h_base: harmfulness.base,
      h_aligned: harmfulness.aligned,
      h_fine_tuned: harmfulness.fineTuned,
      fid: quality.fid,
      kid: quality.kid,
    })) {
      const cells = [row[key], row[`${key}_low`], row[`${key}_high`]]
      if (score.value === null) {
        expect(cells).toEqual(['', '', ''])
        expect(row[`${key}_missing`]).toBe(score.reason)
      } else expect(cells.map(Number)).toEqual([score.value, score.low, score.high])
      expect(Number(row[`${key}_n`])).toBe(score.n)
    }
    expect(Number(row.images_failed)).toBe(counts.failed)
  })
})

test('no cell of hostile text is a formula, and the text itself is kept', () => {
  const starts = [
    '=1+1',
    '+1',
    '-1',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    '\n=1',
    ' =1',
    '\u200b=1',
    '\uff1d1',
    '=a\nb',
    '-a\n"b',
  ]
  for (const text of [HOSTILE, ...starts]) {
    for (const csv of [samplesCsv([hostile(text)]), runsCsv([hostile(text)])]) {
      const rows = rowsOf(csv)
      expect(rows.length).toBeGreaterThan(0)
      const cells = rows.flatMap((row) => Object.entries(row).flat())
      // Own numbers may be negative; texts may not begin like a formula.
      expect(cells.filter((cell) => /^\s*[=+\-@\uff1d]/u.test(cell) && !Number.isFinite(Number(cell)))).toEqual([])
      expect(cells.filter((cell) => cell === text)).toEqual([])
      expect(cells.some((cell) => cell === `'${text}`)).toBe(true)
    }
  }
})

test('Python reads the same rows', () => {
  const csv = samplesCsv([hostile(), stored('uce-live')])
  const python =
    'import csv,io,json,sys;print(json.dumps(list(csv.DictReader(io.StringIO(sys.stdin.buffer.read().decode("utf-8"),newline="")))))'
  const read: unknown = JSON.parse(
    execFileSync('python3', ['-c', python], { input: csv, encoding: 'utf8', maxBuffer: 2 ** 26 }),
  )
  expect(read).toEqual(rowsOf(csv))
})
