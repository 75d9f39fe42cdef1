import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { EngineEvent, PackFile } from '../../../../src/core/contracts'
import { PackFiles } from '../../../../src/runtime/storage/files'
import { FakeServer } from '../../../helpers/fakeServer'
import { MemoryKeyValue } from '../../../helpers/memoryStore'

const CHUNK = 1024
const BASE = 'http://pack.test/tiny/'
const content = Uint8Array.from({ length: 10_000 }, (_, i) => (i * 31 + (i >> 8)) & 255)
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const file: PackFile = { path: 'unet/model.safetensors', bytes: content.length, sha256: sha(content) }
const PATH = '/tiny/unet/model.safetensors'

let server: FakeServer
let store: MemoryKeyValue
let events: EngineEvent[]
let waits: number[]
const open = () =>
  new PackFiles({
    baseUrl: BASE,
    store,
    onEvent: (event) => events.push(event),
    fetch: server.fetch,
    chunkBytes: CHUNK,
    wait: (ms) => {
      waits.push(ms)
      return Promise.resolve()
    },
  })
const warnings = () => events.flatMap((event) => (event.type === 'warning' ? [event.code] : []))
const failure = (code: string, sentence: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(sentence) as unknown })

beforeEach(() => {
  server = new FakeServer()
  server.files.set(PATH, { bytes: content })
  store = new MemoryKeyValue()
  events = []
  waits = []
})

describe('files loaded ahead', () => {
  const other = Uint8Array.from({ length: 3000 }, (_, i) => i % 7)
  const second: PackFile = { path: 'judge.onnx', bytes: other.length, sha256: sha(other) }

  test('are begun before anybody asks, and each is fetched once', async () => {
    server.files.set('/tiny/judge.onnx', { bytes: other })
    const files = open()
    files.prefetch([[file, second]])
    await vi.waitFor(() => expect(server.asked).toHaveLength(2))
    expect(await files.load(second)).toEqual(other)
    expect(await files.load(file)).toEqual(content)
    expect(server.asked.map(({ path }) => path).sort()).toEqual(['/tiny/judge.onnx', PATH])
  })

  test('are known to be stored once each of them was verified', async () => {
    server.files.set('/tiny/judge.onnx', { bytes: other })
    await open().load(file)
    expect(await open().stored([file])).toBe(true)
    expect(await open().stored([file, second])).toBe(false)
    await open().load(second)
    expect(await open().stored([file, second])).toBe(true)
  })

  test('one that fails is asked for again by whoever needs it, and fails there with its reason', async () => {
    const files = open()
    files.prefetch([[second, file]])
    await files.load(file)
    await expect(files.load(second)).rejects.toEqual(failure('DOWNLOAD_FAILED', /"judge.onnx" could not be loaded/))
    server.files.set('/tiny/judge.onnx', { bytes: other })
    expect(await files.load(second)).toEqual(other)
  })

  test('a group waits for the one before it, and says when it is here or has failed', async () => {
    server.files.set('/tiny/judge.onnx', { bytes: other })
    const missing: PackFile = { ...second, path: 'missing.onnx', sha256: sha(Uint8Array.of(1)) }
    const files = open()
    const { come } = files.prefetch([[file, missing], [second]])
    await come[0]
    expect(server.asked.map(({ path }) => path)).not.toContain('/tiny/judge.onnx')
    await come[1]
    expect(server.asked.at(-1)?.path).toBe('/tiny/judge.onnx')
    expect(await files.load(second)).toEqual(other)
  })

  test('a file of a later group that is asked for comes at once, and only once', async () => {
    server.files.set('/tiny/judge.onnx', { bytes: other })
    const files = open()
    const { come } = files.prefetch([[file], [second]])
    expect(await files.load(second)).toEqual(other)
    await Promise.all(come)
    expect(server.asked.map(({ path }) => path).sort()).toEqual(['/tiny/judge.onnx', PATH])
  })

  test('what nobody took is forgotten, and comes from the cache later', async () => {
    const files = open()
    const { forget } = files.prefetch([[file]])
    await vi.waitFor(() => expect(events.at(-1)).toMatchObject({ type: 'phase', phase: 'verify' }))
    forget()
    expect(await files.load(file)).toEqual(content)
    expect(server.asked).toHaveLength(1)
  })
})

describe('a file of a pack', () => {
  test('is loaded once with progress, then comes from the cache without the network', async () => {
    expect(await open().load(file)).toEqual(content)
    const progress = events.filter((event) => event.type === 'download')
    expect(progress.length).toBeGreaterThan(2)
    expect(progress.at(-1)).toEqual({
      type: 'download',
      file: file.path,
      loaded: 10_000,
      total: 10_000,
      fromCache: false,
    })
    server.offline = true
    expect(await open().load(file)).toEqual(content)
    expect(server.asked).toHaveLength(1)
    expect(events.at(-1)).toMatchObject({ type: 'download', fromCache: true })
  })

  test('is shared by askers at the same time; a failure is not remembered', async () => {
    const files = open()
    const [a, b] = await Promise.all([files.load(file), files.load(file)])
    expect(a).toBe(b)
    expect(server.asked).toHaveLength(1)
    store.values.clear()
    server.offline = true
    await expect(files.load(file)).rejects.toEqual(failure('DOWNLOAD_FAILED', /cannot be reached/))
    server.offline = false
    expect(await files.load(file)).toEqual(content)
  })

  test('heals: a corrupted and a missing chunk are fetched again, alone', async () => {
    await open().load(file)
    const damaged = (store.values.get(`${file.sha256}/3`) as Uint8Array).slice()
    damaged[5]! ^= 1
    store.values.set(`${file.sha256}/3`, damaged)
    store.values.delete(`${file.sha256}/9`)
    server.asked.length = 0
    expect(await open().load(file)).toEqual(content)
    expect(server.asked.map(({ range }) => range)).toEqual(['bytes=3072-4095', 'bytes=9216-9999'])
    expect(warnings()).toEqual(['CACHE_CORRUPT'])
    server.offline = true
    expect(await open().load(file)).toEqual(content)
  })

  test('does not trust a chunk that was forged together with its stored hash', async () => {
    await open().load(file)
    const forged = (store.values.get(`${file.sha256}/3`) as Uint8Array).map((byte) => byte ^ 1)
    const index = store.values.get(`${file.sha256}/index`) as { chunks: string[] }
    store.values.set(`${file.sha256}/3`, forged)
    store.values.set(`${file.sha256}/index`, { ...index, chunks: index.chunks.with(3, sha(forged)) })
    expect(await open().load(file)).toEqual(content)
    expect(warnings()).toEqual(['CACHE_CORRUPT'])
    server.offline = true
    expect(await open().load(file)).toEqual(content)
  })

  test('is not called forged where one read of an intact file failed', async () => {
    await open().load(file)
    const get = store.get.bind(store)
    let failing = true
    vi.spyOn(store, 'get').mockImplementation((key) => {
      if (!failing || key !== `${file.sha256}/3`) return get(key)
      failing = false
      return Promise.reject(new DOMException('The connection was lost.', 'InvalidStateError'))
    })
    server.offline = true
    events = []
    expect(await open().load(file)).toEqual(content)
    expect(failing).toBe(false)
    expect(warnings()).toEqual([])
    expect(events.at(-1)).toMatchObject({ type: 'download', loaded: 10_000, fromCache: true })
    expect(await open().load(file)).toEqual(content)
  })

  test('is read from storage a few pieces at a time, and no further once stopped', async () => {
    await open().load(file)
    const get = store.get.bind(store)
    const stop = new AbortController()
    let [reading, most, pieces] = [0, 0, 0]
    vi.spyOn(store, 'get').mockImplementation(async (key) => {
      reading++
      most = Math.max(most, reading)
      if (!key.endsWith('/index') && ++pieces === 12) stop.abort()
      const value = await get(key)
      reading--
      return value
    })
    expect(await open().load(file)).toEqual(content)
    expect([most, pieces]).toEqual([4, 10])
    await expect(open().load(file, stop.signal)).rejects.toEqual(failure('ABORTED', /stopped/))
    expect(pieces).toBeLessThanOrEqual(14)
  })

  test('heals from a server that knows no ranges', async () => {
    await open().load(file)
    store.values.delete(`${file.sha256}/4`)
    server.files.set(PATH, { bytes: content, ignoresRange: true })
    expect(await open().load(file)).toEqual(content)
  })

  test.each([
    ['one 500', [500]],
    ['a 503 and a refused connection', [503, 'refused']],
    ['three drops in a row', [{ dropAfter: 2000 }, { dropAfter: 1000 }, { dropAfter: 0 }]],
    ['a drop after every 2000 bytes', Array.from({ length: 4 }, () => ({ dropAfter: 2000 }))],
  ] as const)('survives %s, and asks for no byte twice', async (_, faults) => {
    server.files.set(PATH, { bytes: content, faults: [...faults] })
    expect(await open().load(file)).toEqual(content)
    expect(waits).toHaveLength(faults.length)
    expect(warnings()).toEqual([])
    const begins = server.asked.map(({ range }) => Number(/\d+/.exec(range ?? 'bytes=0-')?.[0]))
    let have = 0
    faults.forEach((fault, i) => {
      expect(begins[i]).toBe(have)
      have += typeof fault === 'object' ? fault.dropAfter : 0
    })
    expect(begins.at(-1)).toBe(have)
  })

  test('is given up after three more tries, each after a longer pause, with one sentence', async () => {
    server.files.set(PATH, { bytes: content, faults: [503, 503, 503, 503] })
    await expect(open().load(file)).rejects.toEqual(failure('DOWNLOAD_FAILED', /the server answered 503/))
    expect(server.asked).toHaveLength(4)
    expect(waits.map((ms, i) => ms >= 250 * 2 ** i && ms <= 500 * 2 ** i)).toEqual([true, true, true])
    server.asked.length = 0
    server.files.set(PATH, { bytes: content, status: 404 })
    await expect(open().load(file)).rejects.toEqual(failure('DOWNLOAD_FAILED', /answered 404/))
    expect(server.asked).toHaveLength(1)
  })

  test('goes on where a broken connection left off', async () => {
    server.files.set(PATH, { bytes: content, breakAfter: 5000 })
    await expect(open().load(file)).rejects.toEqual(failure('DOWNLOAD_FAILED', /broke after 5000 of 10000 bytes/))
    server.files.set(PATH, { bytes: content })
    expect(await open().load(file)).toEqual(content)
    expect(server.asked.at(-1)?.range).toBe('bytes=4096-9999')
  })

  test.each([
    ['is not there', { bytes: content, status: 404 }, 'DOWNLOAD_FAILED', /answered 404/],
    [
      'is a web page by its type',
      { bytes: content, contentType: 'text/html; charset=utf-8' },
      'DOWNLOAD_FAILED',
      /a web page in its place/,
    ],
    [
      'is a web page by its first bytes',
      { bytes: new TextEncoder().encode('\n<!DOCTYPE html><p>') },
      'DOWNLOAD_FAILED',
      /a web page in its place/,
    ],
    ['is cut short', { bytes: content, cutAfter: 9000 }, 'DOWNLOAD_FAILED', /ended after 9000 of 10000 bytes/],
    ['is too long', { bytes: new Uint8Array(20_000) }, 'DOWNLOAD_FAILED', /longer than the 10000 bytes/],
    [
      'is another file',
      { bytes: content.toReversed() },
      'HASH_MISMATCH',
      new RegExp(`SHA-256 is [0-9a-f]{64}, expected ${file.sha256}`),
    ],
  ] as const)('that %s is refused in one sentence', async (_, served, code, sentence) => {
    server.files.set(PATH, served)
    await expect(open().load(file)).rejects.toEqual(failure(code, sentence))
    server.files.set(PATH, { bytes: content })
    expect(await open().load(file)).toEqual(content)
  })

  test('stays in memory when the quota is exhausted, and says so once', async () => {
    store = new MemoryKeyValue(3)
    const files = open()
    expect(await files.load(file)).toEqual(content)
    expect(warnings()).toEqual(['STORAGE_FULL'])
    server.offline = true
    expect(await files.load(file)).toEqual(content)
  })

  test('stops when aborted', async () => {
    await expect(open().load(file, AbortSignal.abort())).rejects.toEqual(failure('ABORTED', /stopped/))
  })
})
