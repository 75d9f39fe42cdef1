/**
 * A worker's sign of life. A worker that is ended from outside fires no event in the page, but the browser lets go of
 * its locks: so it holds one as long as it lives, and tells the page its name. Without locks (a page served without
 * TLS) it replies to the page's pings between two pieces of work.
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
  if (!locks) {
    scope.addEventListener('message', ({ data }) => {
      if (typeof data?.ping === 'number') scope.postMessage({ pong: data.ping })
    })
    scope.postMessage({ life: null })
    return
  }
  const name = `spqr-life-${crypto.randomUUID()}`
  void locks.request(name, () => {
    scope.postMessage({ life: name })
    return new Promise<never>(() => undefined)
  })
}
