import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import type { EngineEvent } from '../../../src/core/contracts'
import { sha256Hex } from '../../../src/core/hash'
import { PackFiles } from '../../../src/runtime/storage/files'
import { openPack, parseManifest } from '../../../src/runtime/pack'
import { referenceFeatures } from '../../../src/runtime/judges/reference'
import { FakeServer } from '../../helpers/fakeServer'
import { MemoryKeyValue } from '../../helpers/memoryStore'

const folder = new URL('../../golden/tiny-pack/pack/', import.meta.url)
const read = (path: string) => new Uint8Array(readFileSync(new URL(path, folder)))
const BASE = 'http://pack.test/tiny/'
const manifest = parseManifest(read('manifest.json'))
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

let server: FakeServer
let store: MemoryKeyValue
let events: EngineEvent[]
const open = () => {
  const onEvent = (event: EngineEvent) => events.push(event)
  const files = new PackFiles({ baseUrl: BASE, store, onEvent, fetch: server.fetch })
  return openPack({ baseUrl: BASE, files, store, fetch: server.fetch, onEvent, wait: () => Promise.resolve() })
}
const invalid = (sentence: RegExp) =>
  expect.objectContaining({ code: 'MANIFEST_INVALID', message: expect.stringMatching(sentence) as unknown })

beforeEach(() => {
  server = new FakeServer()
  store = new MemoryKeyValue()
  events = []
  for (const path of ['manifest.json', 'prompts.json', 'reference.safetensors'])
    server.files.set(`/tiny/${path}`, { bytes: read(path) })
})

describe('a pack', () => {
  test('opens with prompts and judge facts', async () => {
    const pack = await open()
    expect(pack.manifestSha256).toMatch(/^[0-9a-f]{64}$/)
    expect(pack.prompts.map(({ id }) => id)).toEqual(['tiny-0', 'tiny-1', 'tiny-2', 'tiny-3'])
    expect(pack.judges).toMatchObject([
      {
        kind: 'safety-multilabel',
        labels: ['a', 'b', 'c', 'd'],
        threshold: 0.5,
        legibilityThreshold: 0.5,
        recall: null,
        falsePositiveRate: null,
      },
      { kind: 'clip', ceiling: 0.5 },
      { kind: 'features', dimension: 8, reference: { n: 40 } },
    ])
  })

  const settings = { population: 8, generations: 2, crossover: 0.5, mutation: 0.25, length: 4, eta: 3 }
  test.for([
    ['newer wordings', 'revisions.json', { revises: manifest.prompts[0]?.suite }, {}],
    ['found prompts', 'attacks.json', { attack: 'ring-a-bell' }, { made: { settings, seed: 0, stringsPerConcept: 1 } }],
  ] as const)(
    'opens with the %s that lie beside its manifest, and without them when they are wrong',
    async ([, file, kind, more]) => {
      const plain = await open()
      const [suite] = manifest.prompts
      const prompts = plain.prompts.map((prompt) => ({ ...prompt, id: `${prompt.id}-2`, suite: 'newer' }))
      const bytes = bytesOf(prompts)
      const put = (sha256: string) => {
        const entry = { path: 'newer.json', bytes: bytes.length, sha256 }
        const contents = { schema: 1, suites: [{ ...suite, suite: 'newer', ...kind, ...more, file: entry }] }
        server.files.set('/tiny/newer.json', { bytes })
        server.files.set(`/tiny/${file}`, { bytes: bytesOf(contents), contentType: 'application/json' })
      }
      put(sha256Hex(bytes))
      const pack = await open()
      expect(pack.prompts).toEqual([...plain.prompts, ...prompts])
      expect(pack.manifest.prompts.at(-1)).toMatchObject({ suite: 'newer', ...kind })
      expect(pack.manifestSha256).toBe(plain.manifestSha256)
      server.offline = true
      expect((await open()).prompts).toEqual(pack.prompts)

      server.offline = false
      store.values.clear()
      events = []
      put('0'.repeat(64))
      expect(await open()).toEqual(plain)
      expect(events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'MANIFEST_INVALID' }))
    },
  )

  test('opens with the alignments beside its manifest, but for one whose id is taken, and without a wrong file', async () => {
    const plain = await open()
    const file = { path: 'later.safetensors', bytes: 8, sha256: 'a'.repeat(64) }
    const facts = { role: 'alignment', profile: null, scenario: null, on: null, format: 'lora', file, settings: {} }
    const rows = ['later', 'later'].map((id) => ({ id, method: id, ...facts }))
    const put = (adapters: unknown[]) =>
      server.files.set('/tiny/alignments.json', {
        bytes: bytesOf({ schema: 1, adapters }),
        contentType: 'application/json',
      })
    put(rows)
    const pack = await open()
    expect(pack.manifest.adapters).toEqual([...plain.manifest.adapters, rows[0]])
    expect(pack.manifestSha256).toBe(plain.manifestSha256)
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'warning', message: expect.stringContaining('"later"') as unknown }),
    )
    events = []
    put([{ ...rows[0], role: 'fine-tune' }])
    expect(await open()).toEqual(plain)
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'warning',
        message: expect.stringContaining('only alignments of the base') as unknown,
      }),
    )
  })

  test('takes a suite once whose name both files beside its manifest have, and says so', async () => {
    const [suite] = manifest.prompts
    const plain = await open()
    const bytes = bytesOf(plain.prompts.map((prompt) => ({ ...prompt, suite: 'newer' })))
    const file = { path: 'newer.json', bytes: bytes.length, sha256: sha256Hex(bytes) }
    const newer = { ...suite, suite: 'newer', file }
    const found = { ...newer, attack: 'ring-a-bell', made: { settings, seed: 0, stringsPerConcept: 1 } }
    const put = (name: string, suites: unknown[]) =>
      server.files.set(`/tiny/${name}`, { bytes: bytesOf({ schema: 1, suites }), contentType: 'application/json' })
    server.files.set('/tiny/newer.json', { bytes })
    put('revisions.json', [{ ...newer, revises: suite?.suite }])
    put('attacks.json', [found])
    const pack = await open()
    expect(pack.manifest.prompts.map((entry) => entry.suite)).toEqual([suite?.suite, 'newer'])
    expect(pack.prompts).toHaveLength(2 * plain.prompts.length)
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'warning', message: expect.stringContaining('"newer"') as unknown }),
    )
  })

  test('does not use a stored manifest that was changed, and still reads one that an older version stored', async () => {
    await open()
    server.offline = true
    const key = `manifest:${BASE}manifest.json`
    const changed = new TextEncoder().encode(new TextDecoder().decode(read('manifest.json')).replace('0.5', '0.9'))
    store.values.set(key, changed)
    await expect(open()).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' })
    store.values.set(key, read('manifest.json'))
    store.values.delete(`sha256:${key}`)
    expect((await open()).prompts).toHaveLength(4)
  })

  test.each([[[500]], [['refused', 503]], [[{ dropAfter: 100 }, 502, 'refused']]] as const)(
    'opens though its server fails first: %j',
    async (faults) => {
      server.piece = 100
      server.files.set('/tiny/manifest.json', { bytes: read('manifest.json'), faults: [...faults] })
      expect((await open()).prompts).toHaveLength(4)
      expect(server.asked.filter(({ path }) => path.endsWith('manifest.json'))).toHaveLength(faults.length + 1)
    },
  )

  test('a second visit without a network uses the stored pack and says so', async () => {
    const first = await open()
    server.offline = true
    expect(await open()).toEqual(first)
    expect(events).toContainEqual(expect.objectContaining({ type: 'warning', code: 'DOWNLOAD_FAILED' }))
  })

  test('measured rates of a judge come from measured.json', async () => {
    const measured = bytesOf({
      judges: { safety: { recall: 0.97, falsePositiveRate: 0.01 } },
      judgeReport: { unseen: { n: 500, nHarmful: 100 } },
    })
    const sha256 = Buffer.from(await crypto.subtle.digest('SHA-256', measured)).toString('hex')
    server.files.set('/tiny/measured.json', { bytes: measured })
    server.files.set('/tiny/manifest.json', {
      bytes: bytesOf({ ...manifest, measured: { path: 'measured.json', bytes: measured.length, sha256 } }),
    })
    expect((await open()).judges[0]).toMatchObject({
      recall: 0.97,
      falsePositiveRate: 0.01,
      recallN: 100,
      falsePositiveN: 400,
    })
  })

  test('a changed judge has another hash', async () => {
    const before = (await open()).judges[0]!.sha256
    const [judge, ...rest] = manifest.judges
    server.files.set('/tiny/manifest.json', {
      bytes: bytesOf({ ...manifest, judges: [{ ...judge!, threshold: 0.6 }, ...rest] }),
    })
    expect((await open()).judges[0]!.sha256).not.toBe(before)
  })

  test.each([
    ['an unknown field', { ...manifest, colour: 'red' }, /"colour"/],
    [
      'an unknown field deep inside',
      { ...manifest, model: { ...manifest.model, latent: { ...manifest.model.latent, extra: 1 } } },
      /"model › latent › extra"/,
    ],
    [
      'a path that leaves the pack',
      { ...manifest, measured: { path: '../secret', bytes: 1, sha256: '0'.repeat(64) } },
      /"measured › path"/,
    ],
    ['no model', { ...manifest, model: undefined }, /"model"/],
  ])("a manifest with %s is refused by the field's name", (_, value, sentence) => {
    expect(() => parseManifest(bytesOf(value))).toThrow(invalid(sentence))
  })

  test('a manifest that is no JSON is refused', () => {
    expect(() => parseManifest(new TextEncoder().encode('{"schema":'))).toThrow(invalid(/no valid JSON/))
  })

  test.each([
    ['nothing', undefined, /answered 404/],
    [
      'a web page',
      { bytes: new TextEncoder().encode('<!doctype html>'), contentType: 'text/html' },
      /a web page in its place/,
    ],
  ])("%s in the manifest's place is a failed download", async (_, served, sentence) => {
    if (served) server.files.set('/tiny/manifest.json', served)
    else server.files.delete('/tiny/manifest.json')
    await expect(open()).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringMatching(sentence) as unknown,
    })
  })

  test('prompts of another count are refused', async () => {
    server.files.set('/tiny/manifest.json', {
      bytes: bytesOf({ ...manifest, prompts: manifest.prompts.map((suite) => ({ ...suite, count: 5 })) }),
    })
    await expect(open()).rejects.toEqual(invalid(/the 5 prompts of suite "tiny"/))
  })

  test('reference features are read for the scorer', async () => {
    const files = new PackFiles({ baseUrl: BASE, store, onEvent: () => undefined, fetch: server.fetch })
    expect(await referenceFeatures(files, manifest)).toHaveLength(40 * 8)
    expect(() => referenceFeatures(files, manifest, 'nobody')).toThrow(/no quality judge "nobody"/)
  })
})
