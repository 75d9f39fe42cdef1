/** The tables of models/pictogram/STUDY.md are those of the committed leaderboard. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { PROFILES, SCENARIOS } from '../../../../src/core/contracts'
import { designKey, designOf } from '../../../../src/evaluation/study/board'
import { studyText, studyTables } from '../../../../src/cli/study/studyTable'
import type { StudyResult } from '../../../../src/cli/study/text'

const read = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')

test('STUDY.md holds what `npm run study` prints', () => {
  const { rows } = JSON.parse(read('public/packs/pictogram/leaderboard.json')) as { rows: StudyResult[] }
  const study = read('models/pictogram/STUDY.md')
  const tables = studyTables(rows)
  for (const { tests, general, others } of tables)
    for (const text of [tests, general, others]) expect(study).toContain(text)
  // One row a cell and design; of the first design every method on every kind of data by every profile.
  for (const { design } of tables) {
    const own = rows.filter((row) => designKey(designOf(row)) === designKey(design))
    const cells = new Set(own.map(({ method, profile, scenario }) => `${method} ${profile} ${scenario}`))
    expect(own).toHaveLength(cells.size)
    if (design.sampler === 'full' && design.trainings === 1 && !design.accelerated)
      expect(cells.size).toBeGreaterThanOrEqual(13 * PROFILES.length * SCENARIOS.length)
  }
})

const score = (value: number) => ({ value, low: value - 1, high: value + 1, n: 64 })
const none = { value: null, low: null, high: null, n: 0, reason: 'no judge' }
const row = {
  method: 'uce',
  profile: 'standard' as const,
  harmfulness: { aligned: score(10), fineTuned: score(20) },
  scores: { P: score(0.9), Q: none, SPQR: score(0.001) },
}

test('what is missing stays empty, and what has no value says so', () => {
  const [tables] = studyTables([
    { ...row, scenario: 'general', drift: { ...score(-0.04), mcnemarP: 1 } },
    { ...row, scenario: 'domain', drift: { ...none, mcnemarP: null } },
  ])
  expect(tables?.general.split('\n').at(-1)).toBe(
    '| UCE | 10.0 (9.0–11.0) |  |  | 0.0 (−1.0 to +1.0; ≤ 0.8) | 0.90 | none | none | none | <0.01 (−1.00–1.00) |',
  )
  expect(tables?.others.split('\n').at(-1)).toBe('| UCE |  |  |  |  |  | none |')
})

test('an accelerator has a table of its own, with the one column that it has', () => {
  const lone = { ...row, scenario: 'general' as const, drift: { ...score(3), mcnemarP: 0.5 } }
  const [full, sped] = studyTables([{ ...lone, profile: 'accelerate' }, lone])
  expect(sped).toMatchObject({ title: 'full sampler, the accelerator added', others: '' })
  expect(sped?.general.split('\n')[0]).toBe(
    '|  | h aligned | Δh after accelerate | P | Q | P before → after accelerate | Q before → after accelerate | SPQR after accelerate |',
  )
  expect(full?.design).toMatchObject({ accelerated: false })
})

test('a change is bold by the adjusted test only, and designs do not mix', () => {
  const drift = (p: number) => ({ ...score(3), mcnemarP: p })
  const lone = { ...row, scenario: 'general' as const }
  const rows: StudyResult[] = [
    { ...lone, profile: 'lite', drift: drift(0.001) },
    { ...lone, profile: 'moderate', drift: drift(0.03) },
    { ...lone, profile: 'standard', drift: drift(0.03) },
    {
      ...lone,
      sampler: 'fast',
      seeds: [0, 1],
      drift: { ...score(3), mcnemarP: null, p: 0.03, standardError: 1, freedom: 4 },
      illegible: { aligned: 12.5, fineTuned: 3 },
      capability: {
        n: 32,
        P: { before: 0.9, after: 0.8, change: score(-0.1) },
        Q: { before: 0.5, after: null },
      },
    },
  ]
  const [fast, full] = studyTables(rows)
  expect(full?.title).toBe('full sampler, one training')
  expect(full?.general).toContain('| **+3.0** (+2.0 to +4.0) | +3.0 (+2.0 to +4.0; ≤ 3.8) |')
  expect(full?.tests).toContain("3 with p < 0.05, after Holm's adjustment 1: 1 rises and 0 falls")
  expect(fast?.title).toBe('fast sampler, 2 trainings')
  // t quantile of 4 degrees of freedom: 2.132.
  expect(fast?.general).toContain('| 12.5 → 3.0 |  |  | **+3.0** (+2.0 to +4.0) |')
  expect(fast?.general).toContain('| 0.90 → 0.80 | 0.50 → none |')
  // A row whose trainings are not all done is in no table.
  expect(studyTables(rows.map((one) => ({ ...one, seeds: [0, 1], trainings: [] })))).toEqual([])
})

test('ways of keeping safety stand beside their plain run, and a finding is bold by the adjusted test', () => {
  const own = { ...row, scenario: 'general' as const, sampler: 'fast' as const, seeds: [0], heldOut: 64 }
  const training = { seed: 0, id: 'i', createdAt: 'c', flagged: [], illegible: 0, flips: { toUnsafe: 0, toSafe: 0 } }
  const trained = (p: number | null) => ({
    ...training,
    bounds: { low: 0, high: 0 },
    cosines: [],
    Q: none,
    adaptation: score(12),
    ...(p === null
      ? {}
      : {
          atEqual: { learned: score(80), difference: score(-7), p, beyond: false, finding: 'keeps' as const },
        }),
  })
  const drift = { ...score(10), mcnemarP: 0.01 }
  const rows: StudyResult[] = [
    { ...own, mitigation: 'ema', drift, trainings: [trained(0.03)] },
    { ...own, mitigation: 'beneath', drift, trainings: [trained(0.001)] },
    { ...own, drift, trainings: [trained(null)] },
  ]
  expect(studyTables(rows)).toEqual([])
  const [title, , head, , plain, beneath, ema] = studyText([
    ...rows,
    { ...own, mitigation: 'ema', profile: 'lite', drift, seeds: [0, 1], trainings: [trained(1)] },
  ]).split('\n')
  expect(title).toBe('## UCE, standard, general data: fast sampler, seed 0, 64 pictures held out')
  expect(head).toContain('| h at equal adaptation, points |')
  expect(plain).toBe(
    '| Plain fine-tuning | 20.0 (19.0–21.0) | +10.0 (+9.0 to +11.0) | 12.0 (11.0 to 13.0) |  |  | none | none |',
  )
  expect(beneath).toContain('| 80.0 (79.0 to 81.0) | **−7.0** (−8.0 to −6.0; p = 0.002) |')
  // Shown alone (p 0.03) and adjusted for two still: 0.03 is the second.
  expect(ema).toContain('| Averaging of weights (EMA) |')
  expect(ema).toContain('| **−7.0** (−8.0 to −6.0; p = 0.03')
})
