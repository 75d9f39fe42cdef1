import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readBoard, readOptions } from '../../../../src/cli/study/board'

interface Board {
  rows: { packSha256: string; scores: Record<string, unknown> }[]
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
  expect(readBoard(PUBLISHED, rows[0]?.packSha256 ?? '')).toEqual(rows)
  expect(readBoard(PUBLISHED, 'another pack')).toEqual([])
  expect(readBoard(join(folder, 'none.json'), '')).toEqual([])
})

test('a row without what the tables need is refused by its place', () => {
  const board = published()
  delete board.rows[1]?.scores.P
  expect(() => readBoard(written(JSON.stringify(board)), '')).toThrow(/is no study: "rows › entry 2 › scores/)
  expect(() => readBoard(written('{'), '')).toThrow('no valid JSON')
})

test('an option that the study does not have is refused', () => {
  expect(readOptions(['--preset', 'quick'])).toMatchObject({ preset: 'quick', pack: 'pictogram' })
  expect(() => readOptions(['--presett', 'quick'])).toThrow('"--presett" is no option of the study.')
  expect(() => readOptions(['--toString', 'x'])).toThrow('"--toString"')
})
