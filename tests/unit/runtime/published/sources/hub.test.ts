/** The hub's protocol, spoken to a mirror over real sockets; pauses are recorded instead of waited for. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parseModelAddress } from '../../../../../src/core/sources'
import { openSource, type HubOptions, type Network } from '../../../../../src/runtime/published/sources'
import { MAX_TRIES, retryAfterMs } from '../../../../../src/runtime/published/sources/http'
import { Mirror, testRepositories, type Fault } from '../../../../helpers/mirror'

const mirror = new Mirror()
let endpoint = ''
let pauses: number[] = []
const network: Network = {
  fetch,
  wait: (ms) => {
    pauses.push(ms)
    return Promise.resolve()
  },
}
const open = (address: string, options: Partial<HubOptions> = {}) =>
  openSource(parseModelAddress(address), { endpoint, token: null, ...options }, network)
const fault = (one: Fault) => {
  mirror.faults = [one]
}
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const served = (path: string) => mirror.repositories.get('owner/tiny')!.files.get(path)!

beforeAll(async () => {
  endpoint = await mirror.start()
  for (const [id, repository] of testRepositories()) mirror.repositories.set(id, repository)
})
afterAll(() => mirror.stop())
beforeEach(() => {
  Object.assign(mirror, { faults: [], asked: [] })
  pauses = []
})

describe('a listing', () => {
  test('pins the commit and names every file of every page with its hashes, and the licence', async () => {
    const { id, files, licence } = await open('hf:owner/tiny').list()
    expect(id).toBe('hf:owner/tiny@0123456789abcdef0123456789abcdef01234567')
    expect(licence).toEqual({ id: 'creativeml-openrail-m', nonCommercial: false, gated: false })
    expect(files.map(({ path }) => path)).toEqual([...mirror.repositories.get('owner/tiny')!.files.keys()])
    const shard = files.find(({ path }) => path === 'unet/model.onnx_data')
    expect(shard).toEqual({
      path: 'unet/model.onnx_data',
      bytes: 3_000_017,
      sha256: sha256(served('unet/model.onnx_data')),
      gitSha1: null,
    })
    // As `git hash-object` says.
    expect(files[0]).toMatchObject({ sha256: null, gitSha1: '71d918b67deec24c447c36ec131faf97340cc5d2' })
  })

  test('of a subfolder names its files from there', async () => {
    const source = open('hf:owner/tiny/variants/fp16')
    expect((await source.list()).files.map(({ path }) => path)).toEqual(['unet/model.onnx'])
    expect(sha256(await source.readRange('unet/model.onnx', 0, 150_000))).toBe(
      sha256(served('variants/fp16/unet/model.onnx')),
    )
  })

  test('is asked for once', async () => {
    const source = open('hf:owner/tiny')
    await Promise.all([source.list(), source.list()])
    await source.list()
    expect(mirror.asked.filter(({ path }) => path.includes('/revision/'))).toHaveLength(1)
  })
})

describe('a range', () => {
  test('crosses the redirect to the other origin', async () => {
    const bytes = await open('hf:owner/tiny').readRange('unet/model.onnx_data', 1000, 5000)
    expect(Buffer.compare(bytes, served('unet/model.onnx_data').subarray(1000, 5000))).toBe(0)
  })

  test('of a cut connection goes on at the last byte', async () => {
    fault({ kind: 'cut', path: 'onnx_data_1', after: 400_001, times: 2 })
    const bytes = await open('hf:owner/tiny').readRange('unet/model.onnx_data_1', 0, 1_234_567)
    expect(sha256(bytes)).toBe(sha256(served('unet/model.onnx_data_1')))
    const starts = mirror.asked
      .filter(({ range, status }) => range !== null && status !== 302)
      .map(({ range }) => Number(/=(\d+)/.exec(range!)![1]))
    // A destroyed socket never finishes, so the log holds the last request alone.
    expect(starts.at(-1)).toBeGreaterThan(400_000)
    expect(pauses.length).toBe(2)
  })

  test('of a server without ranges is cut from the whole file', async () => {
    fault({ kind: 'ignore-range', path: 'vae_decoder', times: 9 })
    const bytes = await open('hf:owner/tiny').readRange('vae_decoder/model.onnx', 300_000, 300_010)
    expect(Buffer.compare(bytes, served('vae_decoder/model.onnx').subarray(300_000, 300_010))).toBe(0)
  })
})

describe('a busy server', () => {
  test('is asked again after as long as it says', async () => {
    fault({ kind: 'status', path: 'vae_decoder', status: 429, retryAfter: '7', times: 2 })
    await open('hf:owner/tiny').readRange('vae_decoder/model.onnx', 0, 10)
    expect(pauses).toEqual([7000, 7000])
  })

  test('that says nothing is asked again with growing pauses, then given up', async () => {
    fault({ kind: 'status', path: 'vae_decoder', status: 503, times: 99 })
    await expect(open('hf:owner/tiny').readRange('vae_decoder/model.onnx', 0, 10)).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('answered 503'),
    })
    expect(pauses).toHaveLength(MAX_TRIES - 1)
    pauses.forEach((ms, i) => {
      expect(ms).toBeGreaterThanOrEqual(500 * 2 ** i)
      expect(ms).toBeLessThanOrEqual(1000 * 2 ** i)
    })
  })

  test('that asks for hours is not waited for', async () => {
    fault({ kind: 'status', path: 'vae_decoder', status: 503, retryAfter: '7200', times: 1 })
    await expect(open('hf:owner/tiny').readRange('vae_decoder/model.onnx', 0, 10)).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
    })
    expect(pauses).toEqual([])
  })

  test('Retry-After is read in seconds and as a date', () => {
    expect(retryAfterMs('3', 0)).toBe(3000)
    expect(retryAfterMs('Thu, 01 Jan 1970 00:01:00 GMT', 20_000)).toBe(40_000)
    expect(retryAfterMs('soon', 0)).toBeNull()
    expect(retryAfterMs(null, 0)).toBeNull()
  })
})

describe('one clear sentence for', () => {
  test.each<[string, string, Partial<HubOptions>, string, string]>([
    [
      'an id that does not exist',
      'hf:owner/nothing',
      {},
      'SOURCE_NOT_FOUND',
      'There is no model "owner/nothing" on 127.0.0.1',
    ],
    ['a revision that does not exist', 'hf:owner/tiny@v9', {}, 'SOURCE_NOT_FOUND', '"owner/tiny" has no revision "v9"'],
    ['a subfolder that does not exist', 'hf:owner/tiny/nowhere', {}, 'SOURCE_NOT_FOUND', 'is not in "owner/tiny"'],
    [
      'a server that is no hub',
      'hf:owner/tiny',
      { endpoint: 'http://127.0.0.1:9' },
      'DOWNLOAD_FAILED',
      'the server cannot be reached',
    ],
  ])('%s', async (_, address, options, code, message) => {
    await expect(open(address, options).list()).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })

  test('a gated repository, without and with a token', async () => {
    expect((await open('hf:owner/gated').list()).licence).toEqual({
      id: 'cc-by-nc-4.0',
      nonCommercial: true,
      gated: true,
    })
    await expect(open('hf:owner/gated').readRange('model.onnx', 0, 9)).rejects.toMatchObject({
      code: 'SOURCE_FORBIDDEN',
      hint: expect.stringContaining('enter an access token'),
    })
    await expect(open('hf:owner/gated', { token: 'bad' }).readRange('model.onnx', 0, 9)).rejects.toMatchObject({
      code: 'SOURCE_FORBIDDEN',
      hint: expect.stringContaining('This token may not read it'),
    })
    expect(await open('hf:owner/gated', { token: 'good-token' }).readRange('model.onnx', 0, 9)).toHaveLength(9)
    expect(
      mirror.asked.filter(({ path, authorization }) => path === 'model.onnx' && authorization !== null),
      'the token stays on the hub',
    ).toEqual([])
  })

  test.each<[string, Fault, string]>([
    [
      'a web page in place of a model',
      { kind: 'html', path: 'vae_decoder', times: 1 },
      'the server sent a web page in its place',
    ],
    [
      'a file that is shorter than listed',
      { kind: 'length', path: 'vae_decoder', by: -100, times: 1 },
      'has 699901 bytes, the list names 700001',
    ],
    [
      'a file that is longer than listed',
      { kind: 'length', path: 'vae_decoder', by: 9, times: 1 },
      'has 700010 bytes, the list names 700001',
    ],
    [
      'a listed file that is gone',
      { kind: 'status', path: 'vae_decoder', status: 410, times: 1 },
      'the server answered 410',
    ],
  ])('%s', async (_, one, message) => {
    fault(one)
    await expect(open('hf:owner/tiny').readRange('vae_decoder/model.onnx', 0, 700_001)).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining(message),
    })
  })

  test('a mirror that answers its lists with a web page', async () => {
    fault({ kind: 'html', path: '/revision/', times: 1 })
    await expect(open('hf:owner/tiny').list()).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('web page in its place'),
    })
  })

  test('a file that the listing does not name', async () => {
    await expect(open('hf:owner/tiny').readRange('unet/other.onnx', 0, 1)).rejects.toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      message: expect.stringContaining('has no file "unet/other.onnx"'),
    })
  })
})

test('a stopped read ends with ABORTED', async () => {
  const controller = new AbortController()
  const source = open('hf:owner/tiny')
  await source.list()
  const reading = source.stream(
    'unet/model.onnx_data',
    0,
    3_000_017,
    () => {
      controller.abort()
    },
    controller.signal,
  )
  await expect(reading).rejects.toMatchObject({ code: 'ABORTED' })
})
