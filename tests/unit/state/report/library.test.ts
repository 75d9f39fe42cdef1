import { expect, test } from 'vitest'
import { scoreRecord } from '../../../../src/core/scoring'
import type { Exhibit } from '../../../../src/state/run/exhibit.svelte'
import { Library } from '../../../../src/state/report/library.svelte'
import type { Services } from '../../../../src/state/page/services'
import { record, reference, spec } from '../fixture'

test('a second file of the same name stands beside the first; the same run again takes its place', () => {
  const library = new Library({} as Services, {} as Exhibit)
  const first = scoreRecord(record(), spec.scoring, reference(), 20)
  const shard = { ...first, createdAt: '2026-11-25T00:00:00.000Z' }
  library.shelve('report.json', first)
  library.shelve('report.json', shard)
  library.shelve('report.json', { ...first })
  expect(library.shelf.map(({ name }) => name)).toEqual(['report.json (2)', 'report.json'])
  expect(library.shelf.map(({ report }) => report.createdAt)).toEqual([shard.createdAt, first.createdAt])
})
