import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { scoreRecord } from '../../../../src/core/scoring'
import { readRecorded } from '../../../../src/state/run/recorded'
import { record, reference, spec } from '../fixture'

interface Recorded {
  report: { scores: Record<string, unknown>; drift: Record<string, unknown>; quality: Record<string, unknown> }
  sheet: Record<string, unknown>
}
const demo = (): Recorded => JSON.parse(readFileSync('public/recorded/demo.json', 'utf8')) as Recorded
const read = (recorded: unknown) =>
  readRecorded({ readJson: async () => recorded, readPicture: async () => null }, 'recorded/demo.json')

test('the recorded run that ships is read whole', async () => {
  expect((await read(demo()))?.report).toEqual(demo().report)
})

test('a Report of today is read whole', async () => {
  const report = JSON.parse(JSON.stringify(scoreRecord(record(), spec.scoring, reference(), 20))) as unknown
  expect((await read({ ...demo(), report }))?.report).toEqual(report)
})

test('one with a wrong or missing figure is not shown', async () => {
  const without = demo()
  delete without.report.scores.R
  const wrong = demo()
  wrong.report.drift.value = '12'
  const half = demo()
  half.report.quality.fid = { value: null, low: null, high: null, n: 0 }
  expect(await Promise.all([without, wrong, half, null].map(read))).toEqual([null, null, null, null])
})
