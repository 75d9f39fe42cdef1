/**
 * A worker's sign of life. A worker that is ended from outside fires no event in the page, but the browser lets go of
 * its locks: so it holds one as long as it lives, and tells the page its name. Without locks (a page served without
 * TLS, a frame of another site) it replies to the page's pings between two pieces of work.
 */
interface WorkerScope {
  readonly navigator: { readonly locks?: LockManager }
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: MessageEvent<{ ping?: unknown } | null>) => void): void
}

/** Called once by every worker, before it exposes its API. */
export function showLife(): void {
  // A worker's own scope, which the types of a page do not know.
  const scope = globalThis as unknown as WorkerScope
  const { locks } = scope.navigator
  const replyToPings = () => {
    scope.addEventListener('message', ({ data }) => {
      if (typeof data?.ping === 'number') scope.postMessage({ pong: data.ping })
    })
    scope.postMessage({ life: null })
  }
  if (!locks) {
    replyToPings()
    return
  }
  const name = `spqr-life-${crypto.randomUUID()}`
  // A browser may refuse locks, as all storage, to a frame of another site.
  locks
    .request(name, () => {
      scope.postMessage({ life: name })
      return new Promise<never>(() => undefined)
    })
    .catch(replyToPings)
}
