/**
 * Registers the service worker (offline use, isolation shim). Without isolation the page reloads once, so that
 * the worker can answer with the headers the host did not send; if that fails it runs single-threaded and says so.
 */
const RELOADED = 'spqr-isolation-reload'

/**
 * @param script URL of the built service worker, relative to the page
 * @param idle whether nothing would be lost by a reload
 * Resolves when the worker controls the page or cannot.
 */
export async function registerServiceWorker(script: URL, idle: () => boolean): Promise<void> {
  if (!('serviceWorker' in navigator) || !window.isSecureContext) return
  try {
    const { waiting } = await navigator.serviceWorker.register(script)
    if (waiting && idle()) takeNewVersion(waiting)
    await navigator.serviceWorker.ready
  } catch (error) {
    console.warn('The service worker could not start; the page works, but not offline.', error)
    return
  }
  if (window.crossOriginIsolated || sessionStorage.getItem(RELOADED) || !idle()) return
  sessionStorage.setItem(RELOADED, 'yes')
  window.location.reload()
}

/** A version that was loaded behind an earlier visit takes over now, unless other tabs still use the old one. */
function takeNewVersion(waiting: ServiceWorker): void {
  navigator.serviceWorker.addEventListener(
    'controllerchange',
    () => {
      window.location.reload()
    },
    { once: true },
  )
  waiting.postMessage('take over')
}
