/**
 * A full-size U-Net of random weights (1.3 or 2.3 GB) as the engine loads one: from OPFS as a Blob into the jspi build.
 * Time from the cache, peak memory of the page's process over the bytes of the weights, and one denoising step beside
 * native onnxruntime on the same graph, inputs and threads.
 */
import { spawnSync } from 'node:child_process'
import { createReadStream, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { chromium, type BrowserContext, type Page } from 'playwright'
import { CHROMIUM_ARGS, findChromium } from '../../../.config/chromium.mjs'
import { PYTHON, runNative, timing, type Feeds, type GraphTiming, type Timed } from './benchGraph'
import { ROOT, inPage } from '../page'

export interface LargeResult {
  parameters: string
  /** Of the weights' file. */
  bytes: number
  threads: number
  build: string
  /** From the file in OPFS to a session that can run. */
  secondsFromCache: number
  /** Of the page's process, resident bytes: before loading, and the peaks after loading and after the steps. Null where the system does not tell. */
  memory: { before: number; loaded: number; run: number } | null
  /** What loading took at its peak, over `bytes`. */
  peakOverBytes: number | null
  browser: GraphTiming
  native: GraphTiming | null
  reason: string | null
  ratio: number | null
  maxDifference: number | null
}

/** Published networks whose layout is measured. */
export const LAYOUTS = {
  'tiny-sd': "323 million, float32, tiny-sd's layout (BK-SDM Tiny), random",
  'small-sd': "579 million, float32, small-sd's layout (BK-SDM Base), random",
} as const
export type Layout = keyof typeof LAYOUTS

const folderOf = (layout: Layout): string => join(ROOT, 'models', 'export', '.cache', `large-unet-${layout}`)
const [LATENT, TOKENS, WIDTH] = [64, 77, 768]

/** One picture of 512 pixels. */
function feeds(): Feeds {
  const waves = (length: number, step: number) => Array.from({ length }, (_, i) => Math.sin(step * i))
  return {
    sample: { dtype: 'float32', dims: [1, 4, LATENT, LATENT], data: waves(4 * LATENT * LATENT, 0.37) },
    timestep: { dtype: 'int64', dims: [1], data: [500] },
    encoder_hidden_states: { dtype: 'float32', dims: [1, TOKENS, WIDTH], data: waves(TOKENS * WIDTH, 0.11) },
  }
}

/** Makes the network once; returns why it cannot. */
function make(layout: Layout): string | null {
  if (!existsSync(PYTHON)) return 'no Python environment under models/pictogram/.venv (its recipe makes one)'
  const { status, stderr } = spawnSync(
    PYTHON,
    [join(ROOT, 'src', 'cli', 'bench', 'largeUnet.py'), folderOf(layout), layout],
    { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' },
  )
  return status === 0 ? null : `the U-Net could not be made: ${stderr.trim().split('\n').at(-1) ?? 'no reason given'}`
}

/** The network's two files for pages of other origins; a route of the browser's own could not hold a gigabyte. */
async function serveFolder(folder: string): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    const file = join(folder, basename(new URL(request.url ?? '/', 'http://localhost').pathname))
    if (!existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'Access-Control-Allow-Origin': '*', 'Content-Length': statSync(file).size })
    createReadStream(file).pipe(response)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

/** Resident bytes, now or at their peak, of the largest page process of the browser with this profile; Linux tells it, null elsewhere. */
function residentBytes(profile: string, field: 'VmRSS' | 'VmHWM'): number | null {
  if (!existsSync('/proc/self/status')) return null
  let most: number | null = null
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      if (!command.includes(profile) || !command.includes('--type=renderer')) continue
      const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
        readFileSync(`/proc/${pid}/status`, 'utf8'),
      )?.[1]
      if (kilobytes !== undefined) most = Math.max(most ?? 0, 1024 * Number(kilobytes))
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return most
}

/** A browser of its own for every visit, so that a visit's memory is its own; the profile keeps OPFS between them. */
async function visit<T>(profile: string, url: string, work: (page: Page) => Promise<T>): Promise<T> {
  const context: BrowserContext = await chromium.launchPersistentContext(profile, {
    executablePath: findChromium(),
    args: CHROMIUM_ARGS,
    headless: true,
    serviceWorkers: 'block',
  })
  try {
    const page = await context.newPage()
    // A small file of the page's own origin: nothing else shall take memory.
    await page.goto(`${url}reference/spqr-published.json`)
    return await work(page)
  } finally {
    await context.close()
  }
}

/** Files of the weights, as the graph names them. */
const weightsOf = (layout: Layout): string[] =>
  readdirSync(folderOf(layout)).filter((name) => name.startsWith('model.onnx_data'))

const STORE = (from: string, names: readonly string[]): string => `(async () => {
  const root = await navigator.storage.getDirectory()
  let bytes = 0
  for (const name of ${JSON.stringify(names)}) {
    const file = await (await root.getFileHandle(name, { create: true })).createWritable()
    await (await fetch(${JSON.stringify(from)} + name)).body.pipeTo(file)
    bytes += (await (await root.getFileHandle(name)).getFile()).size
  }
  return bytes
})()`

/** Loads from OPFS and keeps the session for `STEPS`. */
const LOAD = (url: string, from: string, names: readonly string[], threads: number): string => `(async () => {
  ort.env.wasm.wasmPaths = ${JSON.stringify(`${url}ort/`)}
  ort.env.wasm.numThreads = ${threads}
  const graph = new Uint8Array(await (await fetch(${JSON.stringify(`${from}model.onnx`)})).arrayBuffer())
  const start = performance.now()
  const root = await navigator.storage.getDirectory()
  const file = async (name) => (await root.getFileHandle(name)).getFile()
  const externalData = await Promise.all(${JSON.stringify(names)}.map(async (path) => ({ path, data: await file(path) })))
  globalThis.session = await ort.InferenceSession.create(graph, { executionProviders: ['wasm'], graphOptimizationLevel: 'all', externalData })
  return (performance.now() - start) / 1000
})()`

const STEPS = (inputs: Feeds, runs: number, loadSeconds: number): string => `(async (inputs) => {
  const arrays = { float32: Float32Array, int64: BigInt64Array }
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, { dtype, dims, data }]) => [name, new ort.Tensor(dtype, arrays[dtype].from(dtype === 'int64' ? data.map(BigInt) : data), dims)]))
  let output
  const seconds = []
  for (let i = 0; i < ${runs}; i++) {
    const begun = performance.now()
    output = (await session.run(feeds)).out_sample.data
    seconds.push((performance.now() - begun) / 1000)
  }
  return { version: ort.env.versions.web, loadSeconds: ${loadSeconds}, seconds, output: Array.from(output) }
})(${JSON.stringify(inputs)})`

/** Measures, or says in one sentence why not. `url`: the served page. */
export async function benchLarge(
  url: string,
  { threads, runs, layout }: { threads: number; runs: number; layout: Layout },
): Promise<LargeResult | string> {
  const failed = make(layout)
  if (failed !== null) return failed
  const names = weightsOf(layout)
  const profile = mkdtempSync(join(tmpdir(), 'spqr-bench-'))
  const { server, url: from } = await serveFolder(folderOf(layout))
  try {
    const bytes = await visit(profile, url, (page) => inPage<number>(page, STORE(from, names)))
    const library = readFileSync(join(ROOT, 'node_modules', 'onnxruntime-web', 'dist', 'ort.jspi.min.js'), 'utf8')
    const inputs = feeds()
    const measured = await visit(profile, url, async (page) => {
      await page.addScriptTag({ content: `${library}\nglobalThis.ort = ort` })
      const before = residentBytes(profile, 'VmRSS')
      const loadSeconds = await inPage<number>(page, LOAD(url, from, names, threads))
      const loaded = residentBytes(profile, 'VmHWM')
      const timed = await inPage<Timed>(page, STEPS(inputs, runs, loadSeconds))
      const run = residentBytes(profile, 'VmHWM')
      return { timed, memory: before === null || loaded === null || run === null ? null : { before, loaded, run } }
    })
    const { memory } = measured
    const native = runNative(join(folderOf(layout), 'model.onnx'), threads, runs, inputs)
    const ours = timing([measured.timed])
    const theirs = typeof native === 'string' ? null : timing([native])
    return {
      parameters: LAYOUTS[layout],
      bytes,
      threads,
      build: 'jspi',
      secondsFromCache: measured.timed.loadSeconds,
      memory,
      peakOverBytes: memory && (memory.loaded - memory.before) / bytes,
      browser: ours,
      native: theirs,
      reason: typeof native === 'string' ? native : null,
      ratio: theirs && ours.secondsPerRun / theirs.secondsPerRun,
      maxDifference:
        typeof native === 'string'
          ? null
          : measured.timed.output.reduce(
              (most, value, i) => Math.max(most, Math.abs(value - (native.output[i] ?? Number.NaN))),
              0,
            ),
    }
  } finally {
    server.close()
    rmSync(profile, { recursive: true, force: true })
  }
}

export function largeLine(result: LargeResult | string): string {
  if (typeof result === 'string') return `full-size U-Net not measured: ${result}`
  const { bytes, secondsFromCache, memory, peakOverBytes, browser, native, ratio, maxDifference, threads, reason } =
    result
  return [
    `full-size U-Net, ${(bytes / 1e9).toFixed(2)} GB: ${secondsFromCache.toFixed(1)} s from the cache`,
    memory
      ? `peak memory while loading ${((memory.loaded - memory.before) / 1e9).toFixed(2)} GB, ${peakOverBytes?.toFixed(2)} times the weights`
      : 'peak memory unknown here',
    `one step of one 512-pixel picture, ${threads} ${threads === 1 ? 'thread' : 'threads'}: ${browser.secondsPerRun.toFixed(1)} s`,
    native
      ? `native ${native.secondsPerRun.toFixed(1)} s, ratio ${ratio?.toFixed(1)}, largest difference ${maxDifference?.toExponential(1)}`
      : `native not measured: ${reason}`,
  ].join('; ')
}
