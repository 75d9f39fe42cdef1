/** Fetching one file of a pack: bytes with progress, and plain sentences when the answer is not the file. */
import { SpqrError, type PackFile } from '../../core/contracts'
import { throwIfAborted } from '../events'

export interface DownloadOptions {
  fetch?: typeof fetch | undefined
  signal?: AbortSignal | undefined
  /** Called with each piece in order; `offset` is its place in the file. */
  onBytes(bytes: Uint8Array<ArrayBuffer>, offset: number): void | Promise<void>
}

const AGAIN = 'Check the connection and try again; what has been loaded is kept.'

/** A page in place of a file: servers of single-page sites answer so to any unknown path. */
export function looksLikeHtml(response: Response, first: Uint8Array): boolean {
  if ((response.headers.get('content-type') ?? '').includes('text/html')) return true
  return /^\s*<(!doctype|html)/i.test(new TextDecoder().decode(first.subarray(0, 64)))
}

/**
 * Streams the bytes `[from, to)` of a file to `onBytes`. Asks for a range unless it is the whole file; a server that
 * ignores the range sends everything, of which only the wanted part is passed on.
 * @throws SpqrError DOWNLOAD_FAILED (unreachable, HTTP status, HTML, too short or too long), ABORTED
 */
export async function download(
  url: string,
  file: PackFile,
  from: number,
  to: number,
  options: DownloadOptions,
): Promise<void> {
  const { signal } = options
  const failed = (why: string, hint = AGAIN) =>
    new SpqrError('DOWNLOAD_FAILED', `"${file.path}" could not be loaded: ${why}.`, hint)
  const ranged = from > 0 || to < file.bytes
  let response: Response
  try {
    response = await (options.fetch ?? fetch)(url, {
      signal: signal ?? null,
      ...(ranged ? { headers: { Range: `bytes=${from}-${to - 1}` } } : {}),
    })
  } catch (thrown) {
    throwIfAborted(signal)
    throw failed(`the server cannot be reached (${thrown instanceof Error ? thrown.message : String(thrown)})`)
  }
  if (!response.ok)
    throw failed(
      `the server answered ${response.status} ${response.statusText}`.trim(),
      response.status === 404 ? 'The pack is incomplete on this server; build or publish it again.' : AGAIN,
    )
  const start = response.status === 206 ? from : 0
  let position = start
  const reader = response.body?.getReader()
  if (!reader) throw failed('the answer has no body')
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      if (position === start && looksLikeHtml(response, value)) {
        throw failed(
          'the server sent a web page in its place',
          'The file is missing on this server; check the address of the pack.',
        )
      }
      const begin = Math.max(from, position)
      const end = Math.min(to, position + value.length)
      if (end > begin) await options.onBytes(value.subarray(begin - position, end - position), begin)
      position += value.length
      if (ranged && position >= to) break
      if (position > file.bytes)
        throw failed(
          `it is longer than the ${file.bytes} bytes the manifest names`,
          'The file and the manifest are of different versions; publish both again.',
        )
    }
  } catch (thrown) {
    throwIfAborted(signal)
    if (thrown instanceof SpqrError) throw thrown
    throw failed(
      `the connection broke after ${position} of ${file.bytes} bytes (${thrown instanceof Error ? thrown.message : String(thrown)})`,
    )
  } finally {
    // The reader of a finished or broken body has nothing left to cancel.
    reader.cancel().catch(() => undefined)
  }
  if (position < to) throw failed(`it ended after ${position} of ${file.bytes} bytes`)
}
