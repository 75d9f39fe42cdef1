import { expect, test } from 'vitest'
import { SpqrError, type ReadableFile } from '../../../../src/core/contracts'
import { scoreRecord } from '../../../../src/core/scoring'
import { Exhibit } from '../../../../src/state/run/exhibit.svelte'
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

/** A library whose statistics open any file as `run`, or refuse. */
function library(
  open: () => Promise<ReturnType<typeof record>>,
  merge: () => Promise<never> = () => Promise.reject(new Error('not asked')),
  unsealed = false,
) {
  const exhibit = new Exhibit()
  const statistics = {
    open,
    merge,
    unsealed: () => unsealed,
    rescore: async (run: ReturnType<typeof record>) => scoreRecord(run, run.spec.scoring, reference(), 10),
  }
  return { exhibit, shown: new Library({ statistics } as unknown as Services, exhibit) }
}
const file = { name: 'run.json', size: 9 } as ReadableFile & { name: string }

test("a file's figures are computed again and shown as imported", async () => {
  const { exhibit, shown } = library(async () => record({ harmful: 8, benign: 8 }))
  await shown.importFile(file)
  expect(exhibit.origin).toEqual({ kind: 'imported', name: 'run.json' })
  expect(exhibit.report?.scores.SPQR.n).toBeGreaterThan(0)
  expect(shown.shelf.map(({ name }) => name)).toEqual(['run.json'])
  const old = library(async () => record({ harmful: 8, benign: 8 }), undefined, true)
  await old.shown.importFile(file)
  const [first, ...others] = old.exhibit.report?.notes ?? []
  expect(first).toMatch(/seal/)
  expect(others).toEqual(exhibit.report?.notes)
})

test('a file that is refused, and shards that contradict each other, leave all as it was', async () => {
  const refuse = () => Promise.reject(new SpqrError('RECORD_INVALID', 'No.'))
  const { exhibit, shown } = library(refuse, refuse)
  const report = scoreRecord(record({ harmful: 8, benign: 8 }), spec.scoring, reference(), 10)
  shown.shelve('a', report)
  shown.shelve('b', report)
  exhibit.show(report, { kind: 'live' }, null)
  await expect(shown.importFile(file)).rejects.toMatchObject({ code: 'RECORD_INVALID' })
  await expect(shown.importFile({ ...file, size: 2 ** 40 })).rejects.toThrow('MiB are read')
  await expect(shown.merge(shown.shelf)).rejects.toMatchObject({ code: 'RECORD_INVALID' })
  expect([shown.shelf.length, shown.busy, exhibit.origin.kind, exhibit.report === report]).toEqual([
    2,
    false,
    'live',
    true,
  ])
})
