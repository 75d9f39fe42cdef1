/**
 * onnxruntime-web, in the build that fits the provider: the 14 MB CPU build for WASM, and one with WebGPU only when
 * WebGPU is chosen. Its files come from our own origin (`<app>/ort/`), never from a CDN.
 */
import type * as OrtModule from 'onnxruntime-web'
import { SpqrError, loadPart } from '../core/contracts'

export type Ort = typeof OrtModule

export interface OrtRuntime {
  ort: Ort
  provider: 'wasm' | 'webgpu'
  threads: number
  build: 'wasm' | 'jspi' | 'asyncify'
  /** One piece of work at a time: sessions are created and run one after another, whoever asks. */
  exclusive<T>(work: () => Promise<T>): Promise<T>
}

/** JSPI lets WASM wait for the GPU without the larger and slower asyncify build. */
function hasJspi(): boolean {
  return 'Suspending' in WebAssembly
}

const loaded = new Map<OrtRuntime['provider'], Promise<OrtRuntime>>()

/** Loads a provider's runtime once per worker; its thread count is fixed with the first session. `large`: weights come as Blobs. */
export async function loadOrt(
  provider: 'wasm' | 'webgpu',
  threads: number,
  wasmBaseUrl: string,
  large = false,
): Promise<OrtRuntime> {
  const loading =
    loaded.get(provider) ??
    load(provider, threads, wasmBaseUrl, large).catch((thrown: unknown) => {
      loaded.delete(provider)
      throw thrown
    })
  loaded.set(provider, loading)
  const runtime = await loading
  if (runtime.threads !== threads) {
    throw new SpqrError(
      'BAD_INPUT',
      `This engine already runs on ${provider} with ${runtime.threads} threads.`,
      'Start a new engine to change the thread count.',
    )
  }
  return runtime
}

async function load(
  provider: 'wasm' | 'webgpu',
  threads: number,
  wasmBaseUrl: string,
  large: boolean,
): Promise<OrtRuntime> {
  // Only the JSPI build reads weights out of a Blob without a second copy; its results are the same bits.
  const build = provider === 'wasm' && !(large && hasJspi()) ? 'wasm' : hasJspi() ? 'jspi' : 'asyncify'
  const ort = await loadPart((): Promise<Ort> => {
    if (build === 'wasm') return import('onnxruntime-web/wasm')
    return build === 'jspi' ? import('onnxruntime-web/jspi') : import('onnxruntime-web/webgpu')
  })
  ort.env.wasm.wasmPaths = wasmBaseUrl
  const binary = build === 'wasm' ? await unpacked(new URL(`${CPU_BUILD}.packed`, wasmBaseUrl)) : null
  if (binary) ort.env.wasm.wasmBinary = binary
  ort.env.wasm.numThreads = threads
  ort.env.logLevel = 'error'
  // transformers.js runs on the same runtime instead of loading one of its own from a CDN.
  Object.assign(globalThis, { [Symbol.for('onnxruntime')]: ort })
  let tail: Promise<unknown> = Promise.resolve()
  const exclusive = <T>(work: () => Promise<T>): Promise<T> => {
    const result = tail.then(work, work)
    // The chain goes on after a failure; the failure itself belongs to whoever asked.
    tail = result.catch(() => undefined)
    return result
  }
  const runtime: OrtRuntime = { ort, provider, threads, build, exclusive }
  if (provider === 'wasm') beginEarly(runtime)
  return runtime
}

/** Name of the build that a CPU takes. */
const CPU_BUILD = 'ort-wasm-simd-threaded.wasm'

/**
 * The build as the page's own build packed it, by gzip: many servers send WebAssembly as it is, four times as long. Null
 * where it is not there or not whole; onnxruntime then loads the plain file, and says what is wrong with that.
 */
async function unpacked(url: URL): Promise<ArrayBuffer | null> {
  try {
    const { ok, body } = await fetch(url)
    if (!ok || !body) return null
    return await new Response(body.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer()
  } catch {
    return null
  }
}

/** y = x, as an ONNX file: the smallest graph there is. */
const IDENTITY = 'CAg6PAoSCgF4EgF5IghJZGVudGl0eToAEgR0ZXN0Wg8KAXgSCgoICAESBAoCCAFiDwoBeRIKCggIARIECgIIAUIECgAQEg=='

/**
 * Has the WebAssembly compiled and its threads started while the files of the model are still being read: a session does
 * both. What goes wrong here goes wrong again with the first real session, and is said there.
 */
function beginEarly({ ort, exclusive }: OrtRuntime): void {
  const graph = Uint8Array.from(atob(IDENTITY), (letter) => letter.charCodeAt(0))
  void exclusive(async () => {
    const session = await ort.InferenceSession.create(graph, { executionProviders: ['wasm'] })
    await session.release()
    // It is compiled: nobody needs its bytes again.
    delete ort.env.wasm.wasmBinary
  }).catch(() => undefined)
}

/** onnxruntime's own words in one line: without its error numbers, and without where in its source they were said. */
const plain = (message: string): string =>
  message
    .replace(/^.*ERROR_MESSAGE:\s*/s, '')
    .replaceAll(/\S+\.(?:cc|h):\d+ [^)]*\)\s*/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 400)

/** What an error of onnxruntime means for a person. `doing` completes "…while …". */
export function ortError(thrown: unknown, doing: string): SpqrError {
  if (thrown instanceof SpqrError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (
    /no available backend found|dynamically imported module|both async and sync fetching of the wasm failed/i.test(
      message,
    )
  ) {
    return new SpqrError(
      'DOWNLOAD_FAILED',
      `The inference runtime could not be started: ${message}`,
      'Reload the page; if it happens again, its folder "ort" is missing on the server, or the browser blocks WebAssembly.',
    )
  }
  if (/bad_alloc|out of memory|allocation failed|failed to allocate|OOM|exceeds.*(size|limit)/i.test(message)) {
    return new SpqrError(
      'MEMORY',
      `Memory ran out while ${doing}.`,
      'Close other tabs, or choose smaller batches or a smaller model.',
    )
  }
  if (/device (was |is )?lost|DeviceLost|GPUDevice.*lost/i.test(message)) {
    return new SpqrError(
      'DEVICE_LOST',
      `The graphics device was lost while ${doing}.`,
      'Run again; choose WASM if it happens again.',
    )
  }
  if (/Aborted\(|memory access out of bounds|unreachable|table index is out of bounds/.test(message)) {
    return new SpqrError(
      'WORKER_CRASHED',
      `The inference runtime stopped while ${doing}: ${plain(message)}`,
      'The engine is started again.',
    )
  }
  return new SpqrError('UNEXPECTED', `onnxruntime failed while ${doing}: ${plain(message)}`)
}
