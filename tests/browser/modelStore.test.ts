/** Downloads in real Chromium, from a mirror on other origins: killed, cut, damaged, full; in OPFS and in IndexedDB. */
import { proxy } from 'comlink'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { cdp } from 'vitest/browser'
import type { FileProgress, SourceFile, SpqrError } from '../../src/core/contracts'
import { parseModelAddress } from '../../src/core/sources'
import { openSource } from '../../src/runtime/published/sources'
import { digestHex } from '../../src/runtime/events'
import { idbKeyValue } from '../../src/runtime/storage/cache'
import { connect, type Connection } from '../../src/state/page/connect'
import type { Asked, Fault } from '../helpers/mirror'
import type { TestStoreApi, TestStoreOptions } from './support/modelStoreWorker'

const endpoint = inject('mirror')
const ADDRESS = 'hf:owner/tiny'
const PIECE = 65_536
const PATHS = [
  'model_index.json',
  'unet/model.onnx',
  'unet/model.onnx_data',
  'unet/model.onnx_data_1',
  'vae_decoder/model.onnx',
]

let files: SourceFile[] = []
let open: (Connection<TestStoreApi> & { worker: Worker })[] = []

function start(): Connection<TestStoreApi> & { worker: Worker } {
  const worker = new Worker(new URL('./support/modelStoreWorker.ts', import.meta.url), { type: 'module' })
  const connection = { ...connect<TestStoreApi>(worker, 'The test worker'), worker }
  open.push(connection)
  return connection
}

/** Once the worker has taken in `hangAfter` bytes. */
const killedOf = (worker: Worker) =>
  new Promise<'killed'>((resolve) => {
    worker.addEventListener('message', ({ data }) => {
      if (data === 'killed') resolve('killed')
    })
  })
const faults = (...list: Fault[]) => fetch(`${endpoint}/control`, { method: 'POST', body: JSON.stringify(list) })
const asked = async () => (await (await fetch(`${endpoint}/control`)).json()) as Asked[]
const hashes = async (blobs: Map<string, Blob>) =>
  Object.fromEntries(
    await Promise.all(
      [...blobs].map(async ([path, blob]) => [path, await digestHex(new Uint8Array(await blob.arrayBuffer()))]),
    ),
  )
const expected = (...paths: string[]) =>
  Object.fromEntries(
    files
      .filter(({ path, sha256 }) => paths.includes(path) && sha256 !== null)
      .map(({ path, sha256 }) => [path, sha256]),
  )
const bytesOf = (...paths: string[]) =>
  files.filter(({ path }) => paths.includes(path)).reduce((sum, { bytes }) => sum + bytes, 0)
/** Bytes that the ranges asked for span: an upper bound of what crossed the network. */
const askedBytes = (list: Asked[]) =>
  list
    .filter(({ status }) => status === 206)
    .reduce((sum, { range }) => {
      const [, from, to] = /=(\d+)-(\d+)/.exec(range ?? '') ?? []
      return sum + Number(to) - Number(from) + 1
    }, 0)

beforeEach(async () => {
  await faults()
  files = (await openSource(parseModelAddress(ADDRESS), { endpoint, token: null }).list()).files
})

afterEach(async () => {
  for (const { api } of open.slice(-1)) {
    for (const kind of ['opfs', 'indexeddb'] as const) {
      const options = { endpoint, kind, pieceBytes: PIECE }
      for (const { id } of (await api.facts(options)).models) await api.remove(options, id)
    }
  }
  for (const { end } of open) end()
  open = []
})

/** A seeded sequence in [0, 1). */
function* sequence(seed: number): Generator<number> {
  for (let x = seed; ; x = (Math.imul(x, 1664525) + 1013904223) >>> 0) yield x / 2 ** 32
}

describe.each(['opfs', 'indexeddb'] as const)('in %s', (kind) => {
  const options = (change: Partial<TestStoreOptions> = {}): TestStoreOptions => ({
    endpoint,
    kind,
    pieceBytes: PIECE,
    ...change,
  })

  test('a model arrives whole, with progress, and is not fetched twice', async () => {
    const { api } = start()
    const heard: FileProgress[] = []
    const blobs = await api.fetch(
      options(),
      ADDRESS,
      PATHS,
      proxy((progress: FileProgress) => {
        heard.push(progress)
      }),
    )
    expect(await hashes(blobs)).toMatchObject(expected(...PATHS))
    expect(await blobs.get('model_index.json')!.text()).toContain('StableDiffusionPipeline')
    for (const path of PATHS)
      expect(heard.filter((one) => one.path === path).at(-1)).toMatchObject({
        state: 'stored',
        loaded: bytesOf(path),
        total: bytesOf(path),
      })
    const facts = await api.facts(options())
    expect(facts).toMatchObject({
      kind,
      models: [
        { id: expect.stringMatching(/^hf:owner\/tiny@[0-9a-f]{40}$/), licence: { id: 'creativeml-openrail-m' } },
      ],
    })
    expect(
      facts.models[0]!.files.map(({ path, bytes, stored, verified }) => [path, bytes === stored, verified]),
    ).toEqual(PATHS.map((path) => [path, true, true]))
    await faults()
    await start().api.fetch(options(), ADDRESS, PATHS)
    expect((await asked()).filter(({ path }) => PATHS.includes(path))).toEqual([])
  })

  test('a download killed at ten random bytes resumes to the same hash', async () => {
    const paths = ['unet/model.onnx_data', 'unet/model.onnx_data_1', 'vae_decoder/model.onnx']
    const random = sequence(20261125)
    const total = bytesOf(...paths)
    let lost = 0
    for (let kill = 0; kill < 10; kill++) {
      // A tenth of what is missing on average, so that every kill meets a download under way.
      const hangAfter = 1 + Math.floor(((random.next().value as number) * total) / 6)
      const { api, worker, end } = start()
      const killed = killedOf(worker)
      const done = api.fetch(options({ hangAfter }), ADDRESS, paths).then(() => 'done' as const)
      if ((await Promise.race([killed, done])) === 'killed') lost++
      end()
    }
    expect(lost).toBeGreaterThanOrEqual(5)
    const blobs = await start().api.fetch(options(), ADDRESS, paths)
    expect(await hashes(blobs)).toEqual(expected(...paths))
  })

  test('a killed download loads again at most the piece that was under way', async () => {
    const path = 'unet/model.onnx_data'
    const { api, worker, end } = start()
    const killed = killedOf(worker)
    const ended = api.fetch(options({ hangAfter: 1_000_003 }), ADDRESS, [path]).catch(({ code }: SpqrError) => code)
    await killed
    end()
    expect(await ended).toBe('ABORTED')
    await faults()
    await start().api.fetch(options(), ADDRESS, [path])
    const [first] = (await asked()).filter((one) => one.path === path && one.status === 206)
    expect(first?.range).toBe(`bytes=${Math.floor(1_000_003 / PIECE) * PIECE}-${bytesOf(path) - 1}`)
  })

  test('a damaged piece is found, and alone fetched again', async () => {
    const path = 'vae_decoder/model.onnx'
    const { api } = start()
    await api.fetch(options(), ADDRESS, [path])
    const { key } = (await api.facts(options())).models[0]!.files[0]!
    expect(await api.verify(options(), key)).toBe(true)
    await api.damage(options(), key, 3 * PIECE + 77)
    expect(await api.verify(options(), key)).toBe(false)
    expect((await api.facts(options())).models[0]!.files[0]).toMatchObject({
      verified: false,
      stored: bytesOf(path) - PIECE,
    })
    await faults()
    expect(await hashes(await api.fetch(options(), ADDRESS, [path]))).toEqual(expected(path))
    expect(askedBytes((await asked()).filter((one) => one.path === path))).toBe(PIECE)
  })

  test('a piece that was forged together with its hash is found when another version of the page opens it', async () => {
    const path = 'vae_decoder/model.onnx'
    const { api } = start()
    const whole = (await api.fetch(options(), ADDRESS, [path])).get(path)!
    const { key } = (await api.facts(options())).models[0]!.files[0]!
    const forged = new Uint8Array(await whole.slice(0, PIECE).arrayBuffer())
    forged[77]! ^= 1
    await api.damage(options(), key, 77)
    const index = idbKeyValue('test-models')
    const entry = (await index.get(`file:${key}`)) as { pieces: string[] }
    await index.set(`file:${key}`, { ...entry, pieces: entry.pieces.with(0, await digestHex(forged)) })
    await index.set(`checked:${key}`, '0.0.1')
    expect(await hashes(await api.fetch(options(), ADDRESS, [path]))).toEqual(expected(path))
    await faults()
    await api.fetch(options(), ADDRESS, [path])
    expect((await asked()).filter((one) => one.path === path)).toEqual([])
  })

  test('deleting a model keeps the files that another one needs', async () => {
    const { api } = start()
    await api.fetch(options(), ADDRESS, ['vae_decoder/model.onnx'])
    await api.fetch(options(), `${ADDRESS}/vae_decoder`, ['model.onnx'])
    const [first, second] = (await api.facts(options())).models
    expect(first!.files[0]!.key).toBe(second!.files[0]!.key)
    await api.remove(options(), first!.id)
    expect(await api.verify(options(), second!.files[0]!.key)).toBe(true)
    await api.remove(options(), second!.id)
    expect((await api.facts(options())).models).toEqual([])
    expect(await api.verify(options(), second!.files[0]!.key)).toBe(false)
  })
})

const options = (change: Partial<TestStoreOptions> = {}): TestStoreOptions => ({
  endpoint,
  kind: 'opfs',
  pieceBytes: PIECE,
  ...change,
})

test('cut connections, busy servers and servers without ranges are all got over', async () => {
  await faults(
    { kind: 'cut', path: 'onnx_data_1', after: 400_001, times: 2 },
    { kind: 'status', path: 'vae_decoder', status: 429, retryAfter: '0', times: 1 },
    { kind: 'ignore-range', path: 'unet/model.onnx_data', times: 1 },
  )
  const paths = ['unet/model.onnx_data', 'unet/model.onnx_data_1', 'vae_decoder/model.onnx']
  expect(await hashes(await start().api.fetch(options(), ADDRESS, paths))).toEqual(expected(...paths))
})

test.each<[string, Fault, string, string]>([
  [
    'changed bytes',
    { kind: 'corrupt', path: 'vae_decoder', at: 5, times: 9 },
    'HASH_MISMATCH',
    'is not the file that its source lists',
  ],
  [
    'a wrong length',
    { kind: 'length', path: 'vae_decoder', by: -5, times: 9 },
    'DOWNLOAD_FAILED',
    'the list names 700001',
  ],
  ['a web page', { kind: 'html', path: 'vae_decoder', times: 9 }, 'DOWNLOAD_FAILED', 'a web page in its place'],
  [
    'a file that is gone',
    { kind: 'status', path: 'vae_decoder', status: 404, times: 9 },
    'SOURCE_NOT_FOUND',
    'owner/tiny',
  ],
])('%s end with one sentence', async (_, fault, code, message) => {
  await faults(fault)
  await expect(start().api.fetch(options(), ADDRESS, ['vae_decoder/model.onnx'])).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  })
})

test('a gated repository is refused before it is read', async () => {
  await expect(start().api.fetch(options(), 'hf:owner/gated', ['model.onnx'])).rejects.toMatchObject({
    code: 'SOURCE_FORBIDDEN',
    hint: expect.stringContaining('access token'),
  })
})

test('too little room is told before the first byte', async () => {
  await expect(
    start().api.fetch(options({ room: 1_000_000 }), ADDRESS, ['unet/model.onnx_data']),
  ).rejects.toMatchObject({
    code: 'STORAGE_FULL',
    message: '"hf:owner/tiny" needs 4 MB more, and this browser has room for 1 MB.',
  })
  expect((await asked()).filter(({ path }) => path.includes('onnx_data'))).toEqual([])
})

test('a disk that fills up keeps what is stored, and the download goes on once there is room', async () => {
  const path = 'unet/model.onnx_data'
  const { api } = start()
  await api.facts(options())
  const { usage = 0 } = await navigator.storage.estimate()
  const quota = { origin: location.origin, quotaSize: usage + Math.floor(0.9 * bytesOf(path)) }
  await cdp().send('Storage.overrideQuotaForOrigin', quota)
  try {
    await expect(api.fetch(options(), ADDRESS, [path])).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      message: expect.stringMatching(/^The disk is full: \d\d % of "unet\/model.onnx_data" is stored and stays\.$/),
    })
  } finally {
    await cdp().send('Storage.overrideQuotaForOrigin', { origin: location.origin })
  }
  const { stored, bytes } = (await api.facts(options())).models[0]!.files[0]!
  expect(stored / bytes).toBeGreaterThan(0.5)
  await faults()
  expect(await hashes(await api.fetch(options(), ADDRESS, [path]))).toEqual(expected(path))
  expect(askedBytes((await asked()).filter((one) => one.path === path))).toBe(bytes - stored)
})

test('a stopped download keeps what it has', async () => {
  const { api, worker } = start()
  const path = 'unet/model.onnx_data'
  const killed = killedOf(worker)
  const fetching = expect(api.fetch(options({ hangAfter: 2 * PIECE + 1 }), ADDRESS, [path])).rejects.toMatchObject({
    code: 'ABORTED',
  })
  await killed
  api.stop()
  await fetching
  const [file] = (await api.facts(options())).models[0]!.files
  expect(file!.stored).toBe(2 * PIECE)
  expect(file!.verified).toBe(false)
})
