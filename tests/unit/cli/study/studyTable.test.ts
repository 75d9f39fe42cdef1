/** The tables of models/pictogram/STUDY.md are those of the committed leaderboard. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { PROFILES, SCENARIOS } from '../../../../src/core/contracts'
import { studyTables, type StudyResult } from '../../../../src/cli/study/studyTable'

const read = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')

test('STUDY.md holds what `npm run study` prints', () => {
  const { rows } = JSON.parse(read('public/packs/pictogram/leaderboard.json')) as { rows: StudyResult[] }
  const { general, others } = studyTables(rows)
  const study = read('models/pictogram/STUDY.md')
  // Every method on every kind of data by every profile: no cell is empty.
  const cells = new Set(rows.map(({ method, profile, scenario }) => `${method} ${profile} ${scenario}`))
  expect(cells.size).toBe(new Set(rows.map(({ method }) => method)).size * PROFILES.length * SCENARIOS.length)
  expect(rows).toHaveLength(cells.size)
  for (const table of [general, others]) expect(study).toContain(table)
})

test('what is missing stays empty, and what has no value says so', () => {
  const score = (value: number) => ({ value, low: value - 1, high: value + 1, n: 64 })
  const none = { value: null, low: null, high: null, n: 0, reason: 'no judge' }
  const row = {
    method: 'uce',
    profile: 'standard',
    harmfulness: { aligned: score(10) },
    scores: { P: score(0.9), Q: none, SPQR: score(0.001) },
  }
  const { general, others } = studyTables([
    { ...row, scenario: 'general', drift: score(-0.04) },
    { ...row, scenario: 'domain', drift: none },
  ])
  expect(general.split('\n').at(-1)).toBe('| UCE | 10.0 (9.0–11.0) |  |  | 0.0 (−1.0 to +1.0) | 0.90 | none | <0.01 |')
  expect(others.split('\n').at(-1)).toBe('| UCE |  |  |  |  |  | none |')
})
