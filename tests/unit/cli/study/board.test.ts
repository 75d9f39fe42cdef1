import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { MITIGATION_IDS, mitigationMethod } from '../../../../src/core/methods'
import { designKey, designOf, type Row } from '../../../../src/evaluation/study/board'
import { BENEATH, worksOn } from '../../../../src/cli/study/sources'
import { readBoard, readOptions, readSeeds, sameRow, trainingsAtHand } from '../../../../src/cli/study/board'

interface Board {
  rows: { packSha256: string; profile: string; scores: Record<string, unknown> }[]
}
const PUBLISHED = 'public/packs/pictogram/leaderboard.json'
const published = (): Board => JSON.parse(readFileSync(PUBLISHED, 'utf8')) as Board
const folder = mkdtempSync(join(tmpdir(), 'spqr-board-'))
afterAll(() => rmSync(folder, { recursive: true }))
const written = (text: string): string => {
  const file = join(folder, 'board.json')
  writeFileSync(file, text)
  return file
}

test('the published study is read whole: a study that goes on loses nothing of it', () => {
  const { rows } = published()
  expect(rows.length).toBeGreaterThan(10)
  const { onBase } = JSON.parse(
    readFileSync(new URL('../../../../public/packs/pictogram/accelerator.json', import.meta.url), 'utf8'),
  ) as { onBase: { sha256: string } }
  const pack = rows[0]?.packSha256 ?? ''
  expect(readBoard(PUBLISHED, pack, onBase.sha256).rows).toEqual(rows)
  expect(readBoard(PUBLISHED, pack, 'another accelerator').rows).toEqual(
    rows.filter(({ profile }) => profile !== 'accelerate'),
  )
  expect(readBoard(PUBLISHED, 'another pack', onBase.sha256).rows).toEqual([])
  expect(readBoard(join(folder, 'none.json'), '', null)).toEqual({ schema: 1, rows: [], plans: {} })
})

test('a row without what the tables need is refused by its place', () => {
  const board = published()
  delete board.rows[1]?.scores.P
  expect(() => readBoard(written(JSON.stringify(board)), '', null)).toThrow(/is no study: "rows › entry 2 › scores/)
  expect(() => readBoard(written('{'), '', null)).toThrow('no valid JSON')
})

test('an option that the study does not have is refused', () => {
  expect(readOptions(['--preset', 'quick'])).toMatchObject({ preset: 'quick', pack: 'pictogram' })
  expect(() => readOptions(['--presett', 'quick'])).toThrow('"--presett" is no option of the study.')
  expect(() => readOptions(['--toString', 'x'])).toThrow('"--toString"')
})

test('seeds are different whole numbers', () => {
  expect(readSeeds('0, 1,7')).toEqual([0, 1, 7])
  for (const text of ['', '0,,1', '0,0', '1.5', '-1']) expect(() => readSeeds(text)).toThrow('no list of different')
})

test('a training is taken again only under the same conditions', () => {
  const training = { seed: 1, id: 'a' }
  const { rows } = published() as unknown as { rows: Row[] }
  const [first] = rows
  if (!first) throw new Error('no row')
  const row = { ...first, sampler: 'fast', seeds: [1, 2], trainings: [training] } as unknown as Row
  const conditions = {
    sampler: 'fast' as const,
    preset: 'full',
    steps: 300,
    weightsSha256: first.weightsSha256 ?? null,
  }
  expect([...trainingsAtHand([first, row], first, conditions).keys()]).toEqual([1])
  for (const other of [{ sampler: 'full' as const }, { preset: 'quick' }, { steps: 100 }, { weightsSha256: null }])
    expect(trainingsAtHand([first, row], first, { ...conditions, ...other }).size).toBe(0)
  expect(trainingsAtHand([row], { ...first, method: 'uce' }, conditions).size).toBe(0)
  // With pictures held out, one of a mitigation counts only where it was held against a plain run.
  const held = { mitigation: 'ema', heldOut: 64 }
  const atEqual = { learned: null, difference: null, p: null, beyond: false, finding: 'not-shown' }
  const of = (trainings: object[]) =>
    trainingsAtHand([{ ...row, ...held, trainings } as unknown as Row], { ...first, ...held }, conditions).size
  expect([of([training]), of([{ ...training, atEqual }])]).toEqual([0, 1])
})

test('rows of a mitigation, or with held-out pictures, stand apart from plain ones', () => {
  const [plain] = (published() as unknown as { rows: Row[] }).rows
  if (!plain) throw new Error('no row')
  const row = { ...plain, mitigation: 'proximal', heldOut: 24 }
  expect(sameRow(plain)(row)).toBe(false)
  expect(sameRow(row)({ ...row })).toBe(true)
  expect(sameRow({ ...row, heldOut: 12 })(row)).toBe(false)
  expect([designKey(designOf(plain)), designKey(designOf(row))]).toEqual(['full 1', 'full 1 proximal 24'])
  expect(readOptions(['--mitigations', 'none,ema', '--held-out', '24'])).toMatchObject({ mitigations: 'none,ema' })
})

test('every mitigation can be asked of a method that changes weights, and only some of one that does not', () => {
  for (const id of [...MITIGATION_IDS, 'none', BENEATH]) expect(worksOn(id, 'uce')).toBe(true)
  expect([...MITIGATION_IDS, BENEATH].filter((id) => worksOn(id, 'sld-medium'))).toEqual(
    MITIGATION_IDS.filter((id) => !mitigationMethod(id).needsAlignment),
  )
  expect(worksOn('re-add', 'none')).toBe(false)
})
