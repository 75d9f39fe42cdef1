/**
 * A mirror of the hub in Node: its API and file addresses, LFS hashes, redirects to a second origin, ranges, ETags and
 * CORS, with the faults that real networks have. `faults` and the log are open to tests in a browser under /control.
 */
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface MirrorRepository {
  commit: string
  files: Map<string, Buffer>
  licence?: string
  gated?: boolean
  /** The one token that may read a gated repository. */
  token?: string
}

/** What goes wrong with the next `times` answers whose path contains `path`. */
export type Fault = { path: string; times: number } & (
  | { kind: 'status'; status: number; retryAfter?: string }
  /** The connection breaks after this many bytes of the body. */
  | { kind: 'cut'; after: number }
  /** The file has this many bytes more or fewer than listed. */
  | { kind: 'length'; by: number }
  | { kind: 'html' }
  | { kind: 'ignore-range' }
  /** One byte of the file is another. */
  | { kind: 'corrupt'; at: number }
  | { kind: 'no-cors' }
)
export interface Asked {
  method: string
  path: string
  range: string | null
  authorization: string | null
  status: number
}

/** Files above this lie in LFS, as on the hub. */
const LFS_BYTES = 100_000
const PAGE = 3
const EXPOSED =
  'X-Repo-Commit,X-Error-Code,X-Error-Message,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,Retry-After'

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const gitSha1 = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

/** Bytes that look random and are the same everywhere. */
export function seededBytes(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let x = (seed * 2654435761 + 1) >>> 0
  for (let i = 0; i < length; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    bytes[i] = x & 255
  }
  return bytes
}

export class Mirror {
  readonly repositories = new Map<string, MirrorRepository>()
  faults: Fault[] = []
  asked: Asked[] = []
  private readonly hub: Server
  private readonly cdn: Server
  /** Addresses on the second origin, as handed out by redirects. */
  private readonly handedOut = new Map<string, { path: string; bytes: Buffer }>()

  constructor() {
    this.hub = createServer((request, response) => {
      this.answer(request, response, false)
    })
    this.cdn = createServer((request, response) => {
      this.answer(request, response, true)
    })
  }

  async start(): Promise<string> {
    for (const server of [this.hub, this.cdn])
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve)
      })
    return this.url
  }

  async stop(): Promise<void> {
    for (const server of [this.hub, this.cdn]) {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    }
  }

  get url(): string {
    return `http://127.0.0.1:${(this.hub.address() as AddressInfo).port}`
  }

  private answer(request: IncomingMessage, response: ServerResponse, cdn: boolean): void {
    const url = new URL(request.url ?? '/', this.url)
    if (url.pathname.startsWith('/control')) {
      this.control(request, response)
      return
    }
    response.on('finish', () => {
      this.asked.push({
        method: request.method ?? '',
        path: this.handedOut.get(url.pathname)?.path ?? url.pathname,
        range: request.headers.range ?? null,
        authorization: request.headers.authorization ?? null,
        status: response.statusCode,
      })
    })
    const fault = this.takeFault(this.handedOut.get(url.pathname)?.path ?? url.pathname, cdn)
    if (fault?.kind !== 'no-cors') cors(response)
    if (request.method === 'OPTIONS') {
      response.writeHead(204).end()
    } else if (fault?.kind === 'status') {
      response.writeHead(fault.status, fault.retryAfter === undefined ? {} : { 'Retry-After': fault.retryAfter }).end()
    } else if (fault?.kind === 'html') {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>Sign in</title>')
    } else if (cdn) {
      const file = this.handedOut.get(url.pathname)
      if (file) sendFile(request, response, file.bytes, fault)
      else response.writeHead(404).end()
    } else {
      this.hubAnswer(request, response, url, fault)
    }
  }

  private hubAnswer(request: IncomingMessage, response: ServerResponse, url: URL, fault: Fault | undefined): void {
    const parts = url.pathname
      .split('/')
      .map(decodeURIComponent)
      .filter((part) => part !== '')
    const api = parts[0] === 'api'
    const [owner = '', name = '', verb = '', revision = '', ...rest] = api ? parts.slice(2) : parts
    const repository = this.repositories.get(`${owner}/${name}`)
    const authorised = request.headers.authorization === `Bearer ${repository?.token ?? ''}`
    if (!repository) fail(response, 401, 'RepoNotFound')
    else if (repository.gated && verb === 'resolve' && !authorised)
      fail(response, request.headers.authorization === undefined ? 401 : 403, 'GatedRepo')
    else if (revision !== 'main' && revision !== repository.commit) fail(response, 404, 'RevisionNotFound')
    else if (api && verb === 'revision')
      sendJson(response, repository, {
        id: `${owner}/${name}`,
        sha: repository.commit,
        gated: repository.gated ? 'auto' : false,
        tags: [],
        cardData: { license: repository.licence },
      })
    else if (api && verb === 'tree') this.sendTree(response, repository, rest.join('/'), url)
    else this.resolve(request, response, repository, rest.join('/'), fault)
  }

  private sendTree(response: ServerResponse, repository: MirrorRepository, folder: string, url: URL): void {
    const from = Number(url.searchParams.get('cursor') ?? 0)
    const all = [...repository.files].filter(([path]) => folder === '' || path.startsWith(`${folder}/`))
    if (all.length === 0) {
      fail(response, 404, 'EntryNotFound')
      return
    }
    url.searchParams.set('cursor', String(from + PAGE))
    if (from + PAGE < all.length) response.setHeader('Link', `<${url.href}>; rel="next"`)
    sendJson(
      response,
      repository,
      all.slice(from, from + PAGE).map(([path, bytes]) => ({
        type: 'file',
        path,
        size: bytes.length,
        oid: gitSha1(bytes),
        ...(bytes.length > LFS_BYTES ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } } : {}),
      })),
    )
  }

  /** Small files are served here, LFS files by a redirect to the other origin. */
  private resolve(
    request: IncomingMessage,
    response: ServerResponse,
    repository: MirrorRepository,
    path: string,
    fault: Fault | undefined,
  ): void {
    const bytes = repository.files.get(path)
    response.setHeader('X-Repo-Commit', repository.commit)
    if (!bytes) {
      fail(response, 404, 'EntryNotFound')
    } else if (bytes.length <= LFS_BYTES) {
      sendFile(request, response, bytes, fault)
    } else {
      const address = `/cdn/${randomUUID()}`
      this.handedOut.set(address, { path, bytes })
      const cdn = `http://127.0.0.1:${(this.cdn.address() as AddressInfo).port}`
      response
        .writeHead(302, {
          Location: `${cdn}${address}`,
          'X-Linked-Size': bytes.length,
          'X-Linked-ETag': `"${sha256(bytes)}"`,
        })
        .end()
    }
  }

  /** Faults of a big file's body happen where the body is: on the second origin. */
  private takeFault(path: string, cdn: boolean): Fault | undefined {
    const fault = this.faults.find(
      (one) =>
        one.times > 0 &&
        path.includes(one.path) &&
        (cdn || one.kind === 'status' || one.kind === 'html' || one.kind === 'no-cors' || this.isSmall(path)),
    )
    if (fault) fault.times--
    return fault
  }

  private isSmall(path: string): boolean {
    return [...this.repositories.values()].some(({ files }) =>
      [...files].some(([name, bytes]) => path.endsWith(name) && bytes.length <= LFS_BYTES),
    )
  }

  private control(request: IncomingMessage, response: ServerResponse): void {
    cors(response)
    if (request.method !== 'POST') {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(this.asked))
      return
    }
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => {
      pieces.push(piece)
    })
    request.on('end', () => {
      this.faults = JSON.parse(Buffer.concat(pieces).toString()) as Fault[]
      this.asked = []
      response.writeHead(204).end()
    })
  }
}

function cors(response: ServerResponse): void {
  response.setHeader('Access-Control-Allow-Origin', '*')
  response.setHeader('Access-Control-Allow-Headers', 'authorization,range,content-type')
  response.setHeader('Access-Control-Expose-Headers', EXPOSED)
}

function fail(response: ServerResponse, status: number, code: string): void {
  response
    .writeHead(status, { 'X-Error-Code': code, 'Content-Type': 'application/json' })
    .end(JSON.stringify({ error: code }))
}

function sendJson(response: ServerResponse, { commit }: MirrorRepository, value: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json', 'X-Repo-Commit': commit }).end(JSON.stringify(value))
}

function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  original: Buffer,
  fault: Fault | undefined,
): void {
  let bytes = original
  if (fault?.kind === 'length')
    bytes =
      fault.by < 0
        ? original.subarray(0, original.length + fault.by)
        : Buffer.concat([original, Buffer.alloc(fault.by)])
  if (fault?.kind === 'corrupt') {
    bytes = Buffer.from(original)
    bytes[fault.at] = bytes[fault.at]! ^ 1
  }
  const range = fault?.kind === 'ignore-range' ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const from = range ? Number(range[1]) : 0
  const to = Math.min(bytes.length, range?.[2] ? Number(range[2]) + 1 : bytes.length)
  const body = bytes.subarray(from, to)
  response.writeHead(range ? 206 : 200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': body.length,
    'Accept-Ranges': 'bytes',
    ETag: `"${sha256(original)}"`,
    ...(range ? { 'Content-Range': `bytes ${from}-${to - 1}/${bytes.length}` } : {}),
  })
  if (fault?.kind === 'cut')
    response.write(body.subarray(0, fault.after), () => {
      response.destroy()
    })
  else response.end(body)
}

const COMMIT = '0123456789abcdef0123456789abcdef01234567'

/** The repositories that tests fetch from: three shards of odd lengths, small files, a subfolder; gated, and PyTorch only. */
export function testRepositories(): Map<string, MirrorRepository> {
  const small = Buffer.from('{"_class_name": "StableDiffusionPipeline"}\n')
  const files = new Map([
    ['model_index.json', small],
    ['unet/model.onnx', seededBytes(1, 50_001)],
    ['unet/model.onnx_data', seededBytes(2, 3_000_017)],
    ['unet/model.onnx_data_1', seededBytes(3, 1_234_567)],
    ['vae_decoder/model.onnx', seededBytes(4, 700_001)],
    ['variants/fp16/unet/model.onnx', seededBytes(5, 150_000)],
  ])
  return new Map([
    ['owner/tiny', { commit: COMMIT, files, licence: 'creativeml-openrail-m' }],
    [
      'owner/gated',
      {
        commit: COMMIT,
        files: new Map([['model.onnx', seededBytes(6, 200_000)]]),
        licence: 'cc-by-nc-4.0',
        gated: true,
        token: 'good-token',
      },
    ],
    [
      'owner/torch',
      {
        commit: COMMIT,
        files: new Map([
          ['unet/diffusion_pytorch_model.safetensors', seededBytes(7, 1000)],
          ['model_index.json', small],
        ]),
      },
    ],
  ])
}

/** A folder of this repository as the hub would publish it. */
export function folderRepository(folder: string, licence: string): MirrorRepository {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`)
  return {
    commit: COMMIT,
    licence,
    files: new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path)])),
  }
}
