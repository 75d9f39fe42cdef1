/**
 * Offline use, and cross-origin isolation on hosts that cannot set headers.
 *
 * The page's own files are precached at install. Weights and graphs are not touched here: the engine keeps
 * them in IndexedDB, verified by hash. Everything else from our origin (manifest, prompts, ORT's WebAssembly)
 * is taken from the network and kept for when there is none.
 */
import { cleanupOutdatedCaches, matchPrecache, precache, type PrecacheEntry } from 'workbox-precaching'

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: (PrecacheEntry | string)[] }

const RUNTIME_CACHE = 'spqr-runtime-v1'
/** Kept in IndexedDB by the engine, verified; a second copy here would only cost space. */
const KEPT_ELSEWHERE = /\.(safetensors|onnx)$/

/** COOP and COEP on every response: the browser then isolates the page and WASM gets its threads. */
function isolated(response: Response): Response {
  if (response.status === 0 || response.type === 'opaque') return response
  const headers = new Headers(response.headers)
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
  headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  headers.set('Cross-Origin-Resource-Policy', 'same-origin')
  const bodyless = response.status === 204 || response.status === 304
  return new Response(bodyless ? null : response.body, {
    status: response.status,
    statusText: response.statusText,
    headers,
  })
}

async function fromNetworkElseCache(request: Request): Promise<Response> {
  try {
    const response = await fetch(request)
    if (response.ok && response.status === 200) await keep(request, response.clone())
    // A server that fails is as good as none.
    return response.status >= 500 ? ((await kept(request)) ?? response) : response
  } catch (error) {
    const found = await kept(request)
    if (found) return found
    throw error
  }
}

async function kept(request: Request): Promise<Response | undefined> {
  const found = await caches.match(request, { cacheName: RUNTIME_CACHE, ignoreSearch: request.mode === 'navigate' })
  return found ?? (request.mode === 'navigate' ? await matchPrecache('index.html') : undefined)
}

/** A browser that stores nothing more is not offline: the answer counts all the same. */
async function keep(request: Request, response: Response): Promise<void> {
  try {
    await (await caches.open(RUNTIME_CACHE)).put(request, response)
  } catch (error) {
    console.warn(`${request.url} could not be kept for offline use.`, error)
  }
}

/**
 * A new version waits while other tabs still load parts of the old one, whose files it would remove. A fresh page that
 * is alone asks for it and reloads.
 */
async function takeOver(): Promise<void> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  if (windows.length <= 1) await self.skipWaiting()
}

async function answer(request: Request): Promise<Response> {
  const url = new URL(request.url)
  if (KEPT_ELSEWHERE.test(url.pathname) || request.headers.has('range')) return isolated(await fetch(request))
  const precached = await matchPrecache(request.mode === 'navigate' ? 'index.html' : request.url)
  return isolated(precached ?? (await fromNetworkElseCache(request)))
}

// One route for everything, instead of workbox's own, so that every response passes through `isolated`.
self.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET' || new URL(request.url).origin !== self.location.origin) return
  event.respondWith(answer(request))
})
self.addEventListener('message', (event) => event.waitUntil(takeOver()))
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

// The size of the download is counted once this worker is built, so that its own list cannot hold it.
self.addEventListener('install', (event) =>
  event.waitUntil(fromNetworkElseCache(new Request('download.json')).catch(() => undefined)),
)
precache(self.__WB_MANIFEST)
cleanupOutdatedCaches()
