/** Fetching one file of a pack: bytes with progress, and plain sentences when the answer is not the file. */
import { SpqrError, type PackFile } from '../../core/contracts'
import { throwIfAborted } from '../events'
import { BUSY, Retries, type Wait } from './retry'

export interface DownloadOptions {
  fetch?: typeof fetch | undefined
  wait?: Wait | undefined
  signal?: AbortSignal | undefined
  /** Called with each piece in order; `offset` is its place in the file. */
  onBytes(bytes: Uint8Array<ArrayBuffer>, offset: number): void | Promise<void>
}

const AGAIN = 'Check the connection and try again; what has been loaded is kept.'

const failed = (file: PackFile, why: string, hint = AGAIN) =>
  new SpqrError('DOWNLOAD_FAILED', `"${file.path}" could not be loaded: ${why}.`, hint)
const said = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))

/** A page in place of a file: servers of single-page sites return one for any unknown path. */
export function looksLikeHtml(response: Response, first: Uint8Array): boolean {
  if ((response.headers.get('content-type') ?? '').includes('text/html')) return true
  return /^\s*<(!doctype|html)/i.test(new TextDecoder().decode(first.subarray(0, 64)))
}

/**
 * Streams the bytes `[from, to)` of a file to `onBytes`. Asks for a range unless it is the whole file; a server that
 * ignores the range sends everything, of which only the wanted part is passed on. A busy server and a broken connection
 * are tried three more times, from the last byte on.
 * @throws SpqrError DOWNLOAD_FAILED (unreachable, HTTP status, HTML, too short or too long), ABORTED
 */
export async function download(
  url: string,
  file: PackFile,
  from: number,
  to: number,
  options: DownloadOptions,
): Promise<void> {
  const retries = new Retries(options.wait, options.signal)
  let position = from
  for (;;) {
    const before = position
    const problem = await attempt(url, file, position, to, {
      ...options,
      onBytes: async (bytes, offset) => {
        await options.onBytes(bytes, offset)
        position = offset + bytes.length
      },
    })
    if (problem === null) return
    if (position > before) retries.reset()
    await retries.after(problem)
  }
}

/** One request. Returns null when all bytes came, or what may be mended by another try; throws what may not. */
async function attempt(
  url: string,
  file: PackFile,
  from: number,
  to: number,
  options: DownloadOptions,
): Promise<SpqrError | null> {
  const { signal } = options
  const ranged = from > 0 || to < file.bytes
  let response: Response
  try {
    response = await (options.fetch ?? fetch)(url, {
      signal: signal ?? null,
      ...(ranged ? { headers: { Range: `bytes=${from}-${to - 1}` } } : {}),
    })
  } catch (thrown) {
    throwIfAborted(signal)
    return failed(file, `the server cannot be reached (${said(thrown)})`)
  }
  if (!response.ok) {
    const error = failed(
      file,
      `the server answered ${response.status} ${response.statusText}`.trim(),
      response.status === 404 ? 'The pack is incomplete on this server; build or publish it again.' : AGAIN,
    )
    await response.body?.cancel().catch(() => undefined)
    if (BUSY.has(response.status)) return error
    throw error
  }
  return readBody(response, file, from, to, options)
}

async function readBody(
  response: Response,
  file: PackFile,
  from: number,
  to: number,
  { signal, onBytes }: DownloadOptions,
): Promise<SpqrError | null> {
  const start = response.status === 206 ? from : 0
  const reader = response.body?.getReader()
  if (!reader) return failed(file, 'the answer has no body')
  let position = start
  try {
    while (position < to) {
      let value: Uint8Array<ArrayBuffer> | undefined
      try {
        value = (await reader.read()).value
      } catch (thrown) {
        throwIfAborted(signal)
        return failed(file, `the connection broke after ${position} of ${file.bytes} bytes (${said(thrown)})`)
      }
      if (!value) return failed(file, `it ended after ${position} of ${file.bytes} bytes`)
      if (position === start && looksLikeHtml(response, value)) {
        throw failed(
          file,
          'the server sent a web page in its place',
          'The file is missing on this server; check the address of the pack.',
        )
      }
      const begin = Math.max(from, position)
      const end = Math.min(to, position + value.length)
      if (end > begin) await onBytes(value.subarray(begin - position, end - position), begin)
      position += value.length
    }
    // A file that goes on after its last byte is another file.
    const longer = to === file.bytes && (position > to || (start === 0 && !(await ended(reader))))
    if (!longer) return null
    throw failed(
      file,
      `it is longer than the ${file.bytes} bytes the manifest names`,
      'The file and the manifest are of different versions; publish both again.',
    )
  } finally {
    // The reader of a finished or broken body has nothing left to cancel.
    reader.cancel().catch(() => undefined)
  }
}

/** Whether a body has nothing more; one that breaks off only now was whole. */
async function ended(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<boolean> {
  try {
    let value: Uint8Array | undefined
    let done = false
    while (!done && (value === undefined || value.length === 0)) ({ done, value } = await reader.read())
    return done
  } catch {
    return true
  }
}
