/** A server in memory behind the signature of fetch: ranges, statuses, web pages, cut connections; counts requests. */

export interface ServedFile {
  bytes: Uint8Array<ArrayBuffer>
  status?: number
  contentType?: string
  /** Ends the body without an error after this many bytes. */
  cutAfter?: number
  /** Breaks the connection after this many bytes. */
  breakAfter?: number
  /** What befalls the next requests, one each: a status, a connection that is refused, or one that drops after n bytes. */
  faults?: (number | 'refused' | { dropAfter: number })[]
  /** Returns the whole file whatever range is asked for. */
  ignoresRange?: boolean
}

export interface Asked {
  path: string
  range: string | null
}

export class FakeServer {
  readonly files = new Map<string, ServedFile>()
  readonly asked: Asked[] = []
  offline = false
  /** Bytes in one piece of a body. */
  piece = 1000

  readonly fetch: typeof fetch = (input, init) => {
    const url = new URL(input instanceof Request ? input.url : String(input))
    const range = new Headers(init?.headers).get('range')
    this.asked.push({ path: url.pathname, range })
    if (init?.signal?.aborted) return Promise.reject(new DOMException('Aborted.', 'AbortError'))
    if (this.offline) return Promise.reject(new TypeError('Failed to fetch'))
    const file = this.files.get(url.pathname)
    if (!file) return Promise.resolve(new Response('not found', { status: 404, statusText: 'Not Found' }))
    const fault = file.faults?.shift()
    if (fault === 'refused') return Promise.reject(new TypeError('Failed to fetch'))
    if (typeof fault === 'number') return Promise.resolve(new Response('', { status: fault }))
    return Promise.resolve(this.respond(file, range, fault?.dropAfter))
  }

  private respond(file: ServedFile, range: string | null, dropAfter?: number): Response {
    const asked = file.ignoresRange ? null : /^bytes=(\d+)-(\d+)$/.exec(range ?? '')
    const [from, to] = asked ? [Number(asked[1]), Number(asked[2]) + 1] : [0, file.bytes.length]
    const body = file.bytes.slice(from, Math.min(to, file.cutAfter ?? Infinity))
    const { piece } = this
    let position = 0
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (dropAfter !== undefined && position >= dropAfter) {
          controller.error(new TypeError('network error'))
          return
        }
        if (file.breakAfter !== undefined && from + position >= file.breakAfter) {
          controller.error(new TypeError('network error'))
          return
        }
        if (position >= body.length) {
          controller.close()
          return
        }
        controller.enqueue(body.slice(position, position + piece))
        position += piece
      },
    })
    return new Response(stream, {
      status: file.status ?? (asked ? 206 : 200),
      headers: { 'content-type': file.contentType ?? 'application/octet-stream' },
    })
  }
}
