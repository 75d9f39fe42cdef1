/**
 * Registers the service worker (offline use, isolation shim). Without isolation the page reloads once, so that
 * the worker can answer with the headers the host did not send; if that fails it runs single-threaded and says so.
 */
const RELOADED = 'spqr-isolation-reload'

/** @param script URL of the built service worker, relative to the page. Resolves when it controls the page or cannot. */
export async function registerServiceWorker(script: URL): Promise<void> {
  if (!('serviceWorker' in navigator) || !window.isSecureContext) return
  try {
    await navigator.serviceWorker.register(script)
    await navigator.serviceWorker.ready
  } catch (error) {
    console.warn('The service worker could not start; the page works, but not offline.', error)
    return
  }
  if (window.crossOriginIsolated || sessionStorage.getItem(RELOADED)) return
  sessionStorage.setItem(RELOADED, 'yes')
  window.location.reload()
}
