/** The shelf as a person uses it: kept, named, found, sorted, deleted and brought back, saved as one file and read again. */
import { expect, test } from 'vitest'
import type { Report, RunRecord, SpqrError } from '../../../../src/core/contracts'
import { readSealedText, scoreRecord, sealOf } from '../../../../src/core/scoring'
import { createRunStore } from '../../../../src/runtime/storage/runStore'
import { createShelfStore } from '../../../../src/runtime/storage/shelfStore'
import { RECORDED, Shelf } from '../../../../src/state/compare/shelf.svelte'
import type { Services } from '../../../../src/state/page/services'
import { readFileSync } from 'node:fs'
import { DumpStore, putBack, type StoreDump } from '../../../helpers/storeDump'
import { record, reference } from '../fixture'

const scored = (run: RunRecord): Report => scoreRecord(run, run.spec.scoring, reference(), 10)
const small = record({ harmful: 8, benign: 8 })
const first = scored(small)
const second = scored({ ...record({ harmful: 12, benign: 8 }), createdAt: '2026-11-25T00:00:00.000Z' })

function shelfOn(storage: DumpStore, runs = new DumpStore(), told: SpqrError[] = []) {
  const statistics = {
    file: async (report: Report) => new Blob([JSON.stringify({ ...report, seal: sealOf(report.record) })]),
    open: async (file: Blob, name: string) => readSealedText(await file.text(), name).record,
    rescore: async (run: RunRecord) => scored(run),
  }
  const services = {
    statistics,
    shelf: createShelfStore(storage, (error) => told.push(error)),
    store: createRunStore({ storage: runs }),
    persistence: { persisted: async () => false, ask: async () => true },
  }
  return new Shelf(services as unknown as Services, { manifest: null, measured: null })
}

test('a run is named after what it is, renamed, and still there after a reload', async () => {
  const storage = new DumpStore()
  const shelf = shelfOn(storage)
  const { key, name } = await shelf.keep(first, 'run')
  expect(name).toBe('UCE, then lite profile, general data')
  await shelf.label(key, { name: '  Weak\nerasure ', note: ' try λ = 2 ', tags: ['uce', ' uce', '', 'week 3'] })
  // The same run again is the same run, and keeps its name.
  await shelf.keep(first, 'import')

  const again = shelfOn(storage)
  await again.load()
  expect(again.entries.map(({ name: kept, note, tags }) => [kept, note, tags])).toEqual([
    ['Weak erasure', 'try λ = 2', ['uce', 'week 3']],
  ])
  expect((await again.report(key)).scores).toEqual(first.scores)
  await again.label(key, { name: ' ', note: '', tags: [] })
  expect(again.entries[0]?.name).toBe('Weak erasure')
})

test('words find runs, heads sort them, and what lacks a number stands last', async () => {
  const shelf = shelfOn(new DumpStore())
  await shelf.keep(first, 'run', { name: 'Alpha', note: '', tags: ['erasing'] })
  await shelf.keep(second, 'run', { name: 'Beta', note: 'the longer one', tags: [] })
  shelf.sort = { by: 'n', descending: true }
  expect(shelf.visible.map(({ name }) => name)).toEqual(['Beta', 'Alpha'])
  shelf.sort = { by: 'name', descending: false }
  expect(shelf.visible.map(({ name }) => name)).toEqual(['Alpha', 'Beta'])
  shelf.query = 'LONGER lite'
  expect(shelf.visible.map(({ name }) => name)).toEqual(['Beta'])
  shelf.query = 'eras'
  expect(shelf.visible.map(({ name }) => name)).toEqual(['Alpha'])
})

test('a deletion is undone, also after a reload; for good is for good', async () => {
  const storage = new DumpStore()
  const shelf = shelfOn(storage)
  const { key } = await shelf.keep(first, 'run')
  shelf.chosen.add(key)
  shelf.chosen.add(RECORDED)
  await shelf.remove(key)
  expect([shelf.entries.length, shelf.removed.length, [...shelf.chosen]]).toEqual([0, 1, [RECORDED]])
  const again = shelfOn(storage)
  await again.load()
  await again.restore(key)
  expect(again.entries.map((entry) => entry.key)).toEqual([key])
  await again.remove(key)
  await again.purge(key)
  expect([...storage.values.keys()]).toEqual(['adopted'])
})

test('what the browser refuses is kept in this tab and said, and stored once there is room', async () => {
  class Full extends DumpStore {
    full = true
    override setMany(entries: [string, unknown][]): Promise<void> {
      return this.full ? Promise.reject(new DOMException('No room.', 'QuotaExceededError')) : super.setMany(entries)
    }
  }
  const storage = new Full()
  const told: SpqrError[] = []
  const shelf = shelfOn(storage, new DumpStore(), told)
  const { key } = await shelf.keep(first, 'run')
  expect(told.map(({ code, message }) => [code, /kept only until this tab closes/.test(message)])).toEqual([
    ['STORAGE_FULL', true],
  ])
  expect([shelf.entries.length, shelf.unsaved]).toEqual([1, [key]])
  // The file can be saved all the same.
  const { file, left } = await shelf.save([key])
  expect([file.size > 1000, left]).toEqual([true, []])
  storage.full = false
  await shelf.purge('0'.repeat(32))
  expect(shelf.unsaved).toEqual([])
  const again = shelfOn(storage)
  await again.load()
  expect(again.entries.map((entry) => entry.key)).toEqual([key])
})

test('damaged entries are told by name and the rest is listed; a newer format is left as it is', async () => {
  const storage = new DumpStore()
  const shelf = shelfOn(storage)
  const [one, other] = [
    await shelf.keep(first, 'run', { name: 'Good', note: '', tags: [] }),
    await shelf.keep(second, 'run', { name: 'Changed', note: '', tags: [] }),
  ]
  const at = `entry:${other.key}`
  const stored = storage.values.get(at) as object
  storage.values.set(at, { ...stored, note: 'somebody else wrote this' })
  storage.values.set('entry:feed', { schema: 2, name: 'From tomorrow' })
  const again = shelfOn(storage)
  await again.load()
  expect(again.entries.map(({ key }) => key)).toEqual([one.key])
  expect(again.damaged.map(({ name, fault }) => `${name}: ${fault}`)).toEqual([
    'Changed: it is not as it was written',
    expect.stringMatching(/^From tomorrow: it was stored by a newer version/),
  ])
  storage.values.set(`file:${one.key}`, new Uint8Array([31, 139, 8, 0]))
  await expect(again.report(one.key)).rejects.toMatchObject({ code: 'RECORD_INVALID', message: /damaged; other runs/ })
})

test('the shelf goes out and comes in as one file; a damaged run is refused by name, the rest is kept', async () => {
  const shelf = shelfOn(new DumpStore())
  const [one, other] = [
    await shelf.keep(first, 'run', { name: 'Alpha', note: 'kept', tags: ['a'] }),
    await shelf.keep(second, 'link', { name: 'Beta', note: '', tags: [] }),
  ]
  const { file } = await shelf.save([one.key, other.key])
  const target = shelfOn(new DumpStore())
  expect(await target.take(new File([file], 'runs.jsonl.gz'))).toEqual({ taken: 2, refused: [] })
  expect(target.entries.map(({ name, note, tags, kind }) => [name, note, tags, kind])).toEqual([
    ['Alpha', 'kept', ['a'], 'import'],
    ['Beta', '', [], 'link'],
  ])

  const text = await new Response(file.stream().pipeThrough(new DecompressionStream('gzip'))).text()
  const [head = '', a = '', b = ''] = text.split('\n')
  const forged = b.replace(
    /(\\"cosine\\":0\.)(\d)/,
    (_, start: string, digit: string) => `${start}${digit === '9' ? '8' : '9'}`,
  )
  const mended = [head.replace('"runs":2', '"runs":4'), a, forged, '{"name":"Gamma","note":1}', '{"cut', ''].join('\n')
  const last = shelfOn(new DumpStore())
  const { taken, refused } = await last.take(new File([mended], 'runs.jsonl'))
  expect(taken).toBe(1)
  expect(refused).toEqual([
    expect.stringMatching(/“Beta” was changed after it was written/),
    expect.stringMatching(/^“Gamma”: it is wrong at/),
    expect.stringMatching(/^Run 4: it is no valid JSON/),
  ])
  // A file that is cut off gives what comes before the cut.
  const cut = new File([file.slice(0, file.size - 200)], 'cut.jsonl.gz')
  const part = await shelfOn(new DumpStore()).take(cut)
  expect(part.refused.length).toBeGreaterThan(0)
  await expect(last.take(new File(['{"schema":1}'], 'report.json'))).rejects.toThrow('is no shelf of runs')
})

test('finished runs that version 0.1.0 stored come onto the shelf, once', async () => {
  const at = new URL('../../../fixtures/0.1.0/store.json', import.meta.url)
  const runs = new DumpStore()
  await putBack(JSON.parse(readFileSync(at, 'utf8')) as StoreDump, runs)
  const storage = new DumpStore()
  const shelf = shelfOn(storage, runs)
  await shelf.load()
  expect(shelf.entries.map(({ facts, kind }) => [facts.alignment, facts.done, kind]).sort()).toEqual([
    ['ESD-x', 32, 'run'],
    ['UCE', 36, 'run'],
  ])
  await shelf.remove(shelf.entries[0]?.key ?? '')
  await shelf.purge(shelf.removed[0]?.key ?? '')
  const again = shelfOn(storage, runs)
  await again.load()
  expect(again.entries).toHaveLength(1)
})
