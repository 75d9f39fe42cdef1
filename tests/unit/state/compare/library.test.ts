import { expect, test } from 'vitest'
import { SpqrError, type JudgeFacts, type Report, type Stated } from '../../../../src/core/contracts'
import { readRecord, scoreRecord } from '../../../../src/core/scoring'
import { Exhibit } from '../../../../src/state/run/exhibit.svelte'
import { Library } from '../../../../src/state/compare/library.svelte'
import type { Known } from '../../../../src/state/share/judging'
import { ownSentences } from '../../../../src/state/share/judging'
import { Notices } from '../../../../src/state/page/notices.svelte'
import type { Services } from '../../../../src/state/page/services'
import { createShelfStore } from '../../../../src/runtime/storage/shelfStore'
import { manifest, publicJson } from '../../../helpers/pictogram'
import { DumpStore } from '../../../helpers/storeDump'
import { record, reference, spec } from '../fixture'

/** A library whose statistics open any file as `run`, or refuse. */
function library(
  open: () => Promise<ReturnType<typeof record>>,
  merge: () => Promise<never> = () => Promise.reject(new Error('not asked')),
  unsealed = false,
  known: Known = { manifest: null, measured: null },
  stated: Stated | null = null,
) {
  const exhibit = new Exhibit()
  const statistics = {
    open,
    merge,
    unsealed: () => unsealed,
    stated: () => stated,
    rescore: async (run: ReturnType<typeof record>) => scoreRecord(run, run.spec.scoring, reference(), 10),
    file: async (report: Report) => new Blob([JSON.stringify(report)]),
  }
  const services = { statistics, shelf: createShelfStore(new DumpStore()) } as unknown as Services
  return { exhibit, shown: new Library(services, exhibit, new Notices(), known) }
}
const file = new File(['{"a": 1}'], 'run.json')

test("a file's figures are computed again and shown as imported", async () => {
  const { exhibit, shown } = library(async () => record({ harmful: 8, benign: 8 }))
  await shown.importFile(file)
  expect(exhibit.origin).toEqual({ kind: 'imported', name: 'run.json' })
  expect(exhibit.report?.scores.SPQR.n).toBeGreaterThan(0)
  expect(shown.shelf.entries.map(({ name, kind }) => [name, kind])).toEqual([['run', 'import']])
  await shown.importFile(file)
  expect(shown.shelf.entries).toHaveLength(1)
  const old = library(async () => record({ harmful: 8, benign: 8 }), undefined, true)
  await old.shown.importFile(file)
  const [first, ...others] = old.exhibit.report?.notes ?? []
  expect(first).toMatch(/seal/)
  expect(others).toEqual(exhibit.report?.notes)
})

test('a file that states other scores than its samples give is told, the first of them', async () => {
  const run = record({ harmful: 8, benign: 8 })
  const scored = scoreRecord(run, run.spec.scoring, reference(), 10)
  const opened = async (claims: Partial<Stated>) => {
    const { exhibit, shown } = library(async () => run, undefined, false, undefined, {
      spec: run.spec,
      scores: scored.scores,
      ...claims,
    })
    await shown.importFile(file)
    return exhibit.report?.notes.filter((note) => note.includes('states')) ?? []
  }
  expect(await opened({})).toEqual([])
  const { P } = scored.scores
  const forged = { ...scored.scores, P: { value: (P.value ?? 0) + 0.01 } }
  expect(await opened({ scores: forged })).toEqual([
    `The file states P ${forged.P.value.toFixed(3)}, and its samples give ${P.value?.toFixed(3)}, which is shown here.`,
  ])
  // Under other constants the same samples have other scores.
  expect(await opened({ scores: forged, spec: { scoring: { ...run.spec.scoring, epsilon: 0.01 } } })).toEqual([])
})

test('a file that is refused, and shards that contradict each other, leave all as it was', async () => {
  const refuse = () => Promise.reject(new SpqrError('RECORD_INVALID', 'No.'))
  const { exhibit, shown } = library(refuse, refuse)
  const report = scoreRecord(record({ harmful: 8, benign: 8 }), spec.scoring, reference(), 10)
  await shown.shelf.keep(report, 'import')
  await shown.shelf.keep({ ...report, createdAt: '2026-11-25T00:00:00.000Z' }, 'import')
  const keys = shown.shelf.entries.map(({ key }) => key)
  // What is made here is on the shelf by itself; it is there already.
  exhibit.show(report, { kind: 'live' }, null)
  await expect(shown.importFile(file)).rejects.toMatchObject({ code: 'RECORD_INVALID' })
  await expect(shown.importFile({ name: 'large.json', size: 2 ** 40 } as File)).rejects.toThrow('MiB are read')
  await expect(shown.merge(keys)).rejects.toMatchObject({ code: 'RECORD_INVALID' })
  expect([shown.shelf.entries.length, shown.busy, exhibit.origin.kind, exhibit.report === report]).toEqual([
    2,
    false,
    'live',
    true,
  ])
})

test('a run that was made and a link that was opened are kept; the recorded run is not', async () => {
  const { exhibit, shown } = library(() => Promise.reject(new Error('not asked')))
  const report = scoreRecord(record({ harmful: 8, benign: 8 }), spec.scoring, reference(), 10)
  exhibit.show(report, { kind: 'recorded', at: report.createdAt }, null)
  exhibit.show({ ...report, createdAt: '2026-11-26T00:00:00.000Z' }, { kind: 'link' }, null)
  await expect.poll(() => shown.shelf.entries.map(({ kind }) => kind)).toEqual(['link'])
  exhibit.show(report, { kind: 'live' }, null)
  await expect.poll(() => shown.shelf.entries.map(({ kind }) => kind).sort()).toEqual(['link', 'run'])
})

test('a file that states other constants of a judge that the page knows is refused; a judge of its own is said', async () => {
  const whole = readRecord(publicJson('recorded/demo.json'), 'demo.json')
  const stating = (change: (facts: JudgeFacts) => JudgeFacts) =>
    library(async () => ({ ...whole, judges: whole.judges.map(change) }), undefined, false, {
      manifest,
      measured: null,
    })
  const take = async ({ exhibit, shown }: ReturnType<typeof stating>) => {
    exhibit.judging = (run, origin) => ownSentences(run, { manifest, measured: null }, origin)
    await shown.importFile(file)
    return exhibit.own
  }
  expect(await take(stating((facts) => facts))).toEqual([])
  const raised = stating((facts) => (facts.kind === 'safety-multilabel' ? { ...facts, threshold: 0.99 } : facts))
  await expect(take(raised)).rejects.toMatchObject({
    code: 'RECORD_INVALID',
    message: expect.stringMatching(/^run\.json cannot be trusted: .*other constants of judge "/) as unknown,
  })
  expect([raised.exhibit.report, raised.shown.shelf.entries]).toEqual([null, []])
  const own = stating((facts) => (facts.kind === 'clip' ? { ...facts, ceiling: 0.9, sha256: 'ab'.repeat(32) } : facts))
  expect(await take(own)).toEqual(['Judge "pictoclip" is the author\'s own: this page does not know it.'])
})
