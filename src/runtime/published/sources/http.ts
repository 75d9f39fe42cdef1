/**
 * Requests to other people's servers: ranges, patience with busy ones (429, 503 and Retry-After), broken connections
 * taken up where they ended, and one plain sentence for whatever cannot be mended.
 */
import { SpqrError, parseJson } from '../../../core/contracts'
import { looksLikeHtml } from '../../storage/download'
import { browserWait, BUSY, pauseMs, type Wait } from '../../storage/retry'
import { throwIfAborted } from '../../events'
import type { Bytes } from './source'

export interface Network {
  fetch: typeof fetch
  wait: Wait
}

/** Tries in a row without a new byte before giving up: with doubling pauses about half a minute. */
export const MAX_TRIES = 6
const FIRST_PAUSE_MS = 1000
/** A server that asks for more patience than this is as good as down. */
export const MAX_PAUSE_MS = 120_000
const AGAIN = 'Check the connection and try again; what has been loaded is kept.'

export const browserNetwork = (): Network => ({
  fetch: fetch.bind(globalThis),
  wait: browserWait,
})

/** Milliseconds that a `Retry-After` asks for, in seconds or as a date; null without one. */
export function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null || header.trim() === '') return null
  if (/^\s*\d+\s*$/.test(header)) return 1000 * Number(header)
  const date = Date.parse(header)
  return Number.isNaN(date) ? null : Math.max(0, date - now)
}

export interface Request {
  url: string
  /** The file or list as a person knows it. */
  what: string
  headers?: Record<string, string>
  /** The error of a status that is final; undefined falls back to a general sentence. */
  explain?(response: Response): SpqrError | undefined
}

const failed = (what: string, why: string, hint = AGAIN) =>
  new SpqrError('DOWNLOAD_FAILED', `"${what}" could not be loaded: ${why}.`, hint)

function statusError({ what, explain }: Request, response: Response): SpqrError {
  const { status, statusText } = response
  return (
    explain?.(response) ??
    failed(
      what,
      `the server answered ${status}${statusText === '' ? '' : ` ${statusText}`}`,
      status === 404 ? 'Check the address; the file may have moved.' : AGAIN,
    )
  )
}

/** How often a request was tried in vain; `again` waits, or throws when patience has run out. */
class Patience {
  private tries = 0
  constructor(
    private readonly network: Network,
    private readonly signal: AbortSignal | undefined,
  ) {}

  reset(): void {
    this.tries = 0
  }

  async again(error: SpqrError, askedMs: number | null): Promise<void> {
    this.tries++
    if (this.tries >= MAX_TRIES || (askedMs ?? 0) > MAX_PAUSE_MS) throw error
    await this.network.wait(Math.max(askedMs ?? 0, pauseMs(FIRST_PAUSE_MS, this.tries)), this.signal)
    throwIfAborted(this.signal)
  }
}

/** One request: 2xx comes back, busy servers are asked again, anything else throws. */
async function ask(
  request: Request,
  extra: Record<string, string>,
  network: Network,
  patience: Patience,
  signal?: AbortSignal,
): Promise<Response> {
  for (;;) {
    let response: Response
    try {
      // Big files would be kept a second time by the browser's own cache.
      response = await network.fetch(request.url, {
        headers: { ...request.headers, ...extra },
        cache: 'no-store',
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        signal: signal ?? null,
      })
    } catch (thrown) {
      throwIfAborted(signal)
      await patience.again(
        failed(
          request.what,
          `the server cannot be reached, or does not allow pages to read from it (${message(thrown)})`,
        ),
        null,
      )
      continue
    }
    if (response.ok) return response
    const error = statusError(request, response)
    await response.body?.cancel().catch(() => undefined)
    if (!BUSY.has(response.status)) throw error
    await patience.again(error, retryAfterMs(response.headers.get('retry-after'), Date.now()))
  }
}

const message = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))

/** A JSON answer and its headers. */
export async function getJson(
  request: Request,
  network: Network,
  signal?: AbortSignal,
): Promise<{ json: unknown; headers: Headers }> {
  const patience = new Patience(network, signal)
  const response = await ask(request, { Accept: 'application/json' }, network, patience, signal)
  let text: string
  try {
    text = await response.text()
  } catch (thrown) {
    throwIfAborted(signal)
    throw failed(request.what, `the connection broke (${message(thrown)})`)
  }
  const { value, fault } = parseJson(text)
  if (fault === null) return { json: value, headers: response.headers }
  throw failed(
    request.what,
    /^\s*</.test(text) ? 'the server sent a web page in its place' : 'the server sent something that is not JSON',
    'Check the address, or the mirror in the settings.',
  )
}

/** Total bytes that a 206 or 200 states; null when the server keeps it to itself (or CORS does). */
function statedTotal(response: Response): number | null {
  const total =
    response.status === 206
      ? /\/(\d+)\s*$/.exec(response.headers.get('content-range') ?? '')?.[1]
      : response.headers.get('content-length')
  // A compressed body's length is not the file's.
  if (response.status !== 206 && response.headers.has('content-encoding')) return null
  return total === undefined || total === null ? null : Number(total)
}

export interface RangeRequest extends Request {
  start: number
  end: number
  /** Bytes of the whole file, as listed. */
  total: number
}

/**
 * Streams `[start, end)` to `onBytes` in order. A broken connection is taken up at its last byte; a server that ignores
 * ranges sends everything, of which only the wanted part is passed on.
 * @throws SpqrError DOWNLOAD_FAILED, ABORTED, what `explain` makes of a status, and whatever `onBytes` throws
 */
export async function streamRange(
  request: RangeRequest,
  network: Network,
  onBytes: (bytes: Bytes, offset: number) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const { start, end, total, what } = request
  const patience = new Patience(network, signal)
  let position = start
  while (position < end) {
    throwIfAborted(signal)
    const response = await ask(request, { Range: `bytes=${position}-${end - 1}` }, network, patience, signal)
    const stated = statedTotal(response)
    if (stated !== null && stated !== total && !looksLikeHtml(response, new Uint8Array())) {
      await response.body?.cancel().catch(() => undefined)
      throw failed(
        what,
        `the server's file has ${stated} bytes, the list names ${total}`,
        'The model changed or is damaged there; list it again.',
      )
    }
    const before = position
    const problem = await readBody(
      request,
      response,
      position,
      async (bytes) => {
        await onBytes(bytes, position)
        position += bytes.length
      },
      signal,
    )
    if (position > before) patience.reset()
    if (position < end)
      await patience.again(failed(what, problem ?? `it ended after ${position} of ${total} bytes`), null)
  }
}

/** Passes on the wanted part of a body; returns why it broke off, if it did. Errors of `onBytes` are thrown on. */
async function readBody(
  { what, end }: RangeRequest,
  response: Response,
  from: number,
  take: (bytes: Bytes) => Promise<void>,
  signal?: AbortSignal,
): Promise<string | null> {
  const reader = response.body?.getReader()
  if (!reader) return 'the answer has no body'
  const first = response.status === 206 ? from : 0
  let position = first
  try {
    while (position < end) {
      let value: Bytes | undefined
      try {
        value = (await reader.read()).value
      } catch (thrown) {
        throwIfAborted(signal)
        return `the connection broke (${message(thrown)})`
      }
      if (!value) return null
      if (position === first && looksLikeHtml(response, value)) {
        throw failed(
          what,
          'the server sent a web page in its place',
          'Check the address, or the mirror in the settings; a log-in page of a network does this too.',
        )
      }
      const wanted = value.subarray(Math.max(0, from - position), Math.max(0, end - position))
      if (wanted.length > 0) await take(wanted)
      position += value.length
    }
    return null
  } finally {
    // A finished or broken body has nothing left to cancel.
    reader.cancel().catch(() => undefined)
  }
}

/** A range in one piece. */
export async function readRange(request: RangeRequest, network: Network, signal?: AbortSignal): Promise<Bytes> {
  const bytes = new Uint8Array(request.end - request.start)
  await streamRange(
    request,
    network,
    (piece, offset) => {
      bytes.set(piece, offset - request.start)
    },
    signal,
  )
  return bytes
}
