/**
 * A worker's sign of life. A worker that is ended from outside fires no event in the page, but the browser lets go of
 * its locks: so it holds one as long as it lives, and tells the page its name. Without locks (a page served without
 * TLS) it replies to the page's pings between two pieces of work.
 */
declare const self: DedicatedWorkerGlobalScope

/** Called once by every worker, before it exposes its API. */
export function showLife(): void {
  const { locks } = self.navigator as { locks?: LockManager }
  if (!locks) {
    self.addEventListener('message', ({ data }: MessageEvent<{ ping?: unknown } | null>) => {
      if (typeof data?.ping === 'number') self.postMessage({ pong: data.ping })
    })
    self.postMessage({ life: null })
    return
  }
  const name = `spqr-life-${crypto.randomUUID()}`
  void locks.request(name, () => {
    self.postMessage({ life: name })
    return new Promise<never>(() => undefined)
  })
}
