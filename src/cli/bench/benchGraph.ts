/**
 * One graph, timed in the browser and in native onnxruntime with the same inputs and threads, in turns, so that a busy
 * machine slows both alike.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright'
import * as v from 'valibot'
import { readSafetensors } from '../../core/adapters'
import { SpqrError, checkShape, parseJson, type Component, type GraphPort } from '../../core/contracts'
import { ROOT, inPage } from '../page'

export interface Feed {
  dtype: GraphPort['dtype']
  dims: number[]
  data: number[]
}
export type Feeds = Record<string, Feed>
const seconds = v.pipe(v.number(), v.minValue(0), v.finite())
const TimedSchema = v.object({
  version: v.string(),
  loadSeconds: seconds,
  seconds: v.pipe(v.array(seconds), v.minLength(1)),
  output: v.array(v.number()),
})
export type Timed = v.InferOutput<typeof TimedSchema>

/** What a timed process printed, or why it is no timing. `name`: what printed it. */
export function readTimed(name: string, text: string): Timed | string {
  const parsed = parseJson(text)
  const timed = parsed.fault === null ? checkShape(TimedSchema, parsed.value) : parsed
  return timed.fault === null ? timed.value : `${name} returned no timing: ${timed.fault}`
}

/** @throws SpqrError UNEXPECTED when the page returns no timing, such as one with NaN in its output */
export async function timedInPage(page: Page, job: string): Promise<Timed> {
  const { value, fault } = checkShape(TimedSchema, await inPage<unknown>(page, job))
  if (fault === null) return value
  throw new SpqrError('UNEXPECTED', `The page returned no timing: ${fault}.`, 'Run the recipe of the pack again.')
}

export interface GraphTiming {
  version: string
  loadSeconds: number
  /** Median of all runs. */
  secondsPerRun: number
  runs: number
}
export interface GraphComparison {
  graph: string
  batch: number
  threads: number
  browser: GraphTiming
  /** Null when native onnxruntime is not at hand; `reason` says why. */
  native: GraphTiming | null
  reason: string | null
  /** Browser time over native time. */
  ratio: number | null
  /** Largest difference between the two outputs. */
  maxDifference: number | null
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[half] ?? Number.NaN)
    : ((sorted[half - 1] ?? Number.NaN) + (sorted[half] ?? Number.NaN)) / 2
}

/** Smooth, fixed inputs: the time does not depend on them, the comparison of outputs needs them equal. */
function feedsOf(component: Component, batch: number): Feeds {
  return Object.fromEntries(
    component.inputs.map(({ name, dtype, dims }) => {
      const shape = dims.map((size) => (typeof size === 'number' ? size : batch))
      const length = shape.reduce((product, size) => product * size, 1)
      const data = Array.from({ length }, (_, i) =>
        dtype.startsWith('int') ? (i % 7) + 1 : name.startsWith('timestep') ? 500 : Math.sin(0.37 * i),
      )
      return [name, { dtype, dims: shape, data }]
    }),
  )
}

/** The external-data file of a component, as the page lays it out: float32 by the manifest's offsets. */
export function externalData(component: Component, folder: string): Uint8Array {
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(join(folder, component.weights.path))))
  const bytes = new Uint8Array(component.externalData.bytes)
  for (const { name, offset, length } of component.externalData.tensors) {
    const floats = tensors.get(name)?.floats()
    if (!floats || floats.byteLength !== length)
      throw new SpqrError(
        'WEIGHTS_INVALID',
        `Weight ${name} does not fit the manifest.`,
        'Run the recipe of the pack again.',
      )
    bytes.set(new Uint8Array(floats.buffer, floats.byteOffset, length), offset)
  }
  return bytes
}

export const PYTHON = join(ROOT, 'models', 'pictogram', '.venv', 'bin', 'python')

export function runNative(graph: string, threads: number, runs: number, feeds: Feeds): Timed | string {
  if (!existsSync(PYTHON)) return 'no Python environment under models/pictogram/.venv (its recipe makes one)'
  const result = spawnSync(PYTHON, [join(ROOT, 'src', 'cli', 'bench', 'native.py')], {
    input: JSON.stringify({ graph, threads, runs, feeds }),
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  if (result.status !== 0)
    return `native onnxruntime failed: ${result.stderr.trim().split('\n').at(-1) ?? 'no reason given'}`
  return readTimed('native onnxruntime', result.stdout)
}

/** Text of the page's side: creates a session once per round, runs once to warm up, then times. */
function browserJob(url: string, graph: string, dataPath: string, threads: number, runs: number, feeds: Feeds): string {
  return `(async (job) => {
    ort.env.wasm.wasmPaths = job.url + 'ort/'
    ort.env.wasm.numThreads = job.threads
    const read = async (path) => {
      const response = await fetch(job.url + path)
      if (!response.ok) throw new Error(path + ' answered ' + response.status)
      return new Uint8Array(await response.arrayBuffer())
    }
    const [graph, weights] = await Promise.all([read(job.graph), read('bench-weights.bin')])
    const start = performance.now()
    const session = await ort.InferenceSession.create(graph, { executionProviders: ['wasm'], externalData: [{ path: job.dataPath, data: weights }] })
    const loadSeconds = (performance.now() - start) / 1000
    const arrays = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array }
    const feeds = Object.fromEntries(Object.entries(job.feeds).map(([name, { dtype, dims, data }]) =>
      [name, new ort.Tensor(dtype, dtype === 'int64' ? BigInt64Array.from(data.map(BigInt)) : arrays[dtype].from(data), dims)]))
    const first = (await session.run(feeds))[session.outputNames[0]]
    const seconds = []
    for (let i = 0; i < job.runs; i++) {
      const begun = performance.now()
      await session.run(feeds)
      seconds.push((performance.now() - begun) / 1000)
    }
    await session.release()
    return { version: ort.env.versions.web, loadSeconds, seconds, output: Array.from(first.data) }
  })(${JSON.stringify({ url, graph, dataPath, threads, runs, feeds })})`
}

/** A page at `address` with onnxruntime as `ort`, and the file `data` below it as `bench-weights.bin`. */
export async function ortPage(context: BrowserContext, address: string, data: string): Promise<Page> {
  const page = await context.newPage()
  await page.route('**/bench-weights.bin', (route) =>
    route.fulfill({ path: data, contentType: 'application/octet-stream' }),
  )
  const library = readFileSync(join(ROOT, 'node_modules', 'onnxruntime-web', 'dist', 'ort.wasm.min.js'), 'utf8')
  await page.addInitScript({ content: `${library}\nglobalThis.ort = ort` })
  await page.goto(address)
  return page
}

/** `folder`: the pack on disk; `packPath`: the same below `url`. Rounds alternate between browser and native. */
export async function compareGraph(
  context: BrowserContext,
  url: string,
  packPath: string,
  folder: string,
  component: Component,
  { batch, threads, runs, rounds }: { batch: number; threads: number; runs: number; rounds: number },
): Promise<GraphComparison> {
  const scratch = mkdtempSync(join(tmpdir(), 'spqr-bench-'))
  const graph = join(scratch, 'graph.onnx')
  writeFileSync(graph, readFileSync(join(folder, component.graph.path)))
  const data = join(scratch, component.externalData.path)
  writeFileSync(data, externalData(component, folder))
  const page = await ortPage(context, `${url}${packPath}manifest.json`, data)
  try {
    const feeds = feedsOf(component, batch)
    const browser: Timed[] = []
    const native: Timed[] = []
    let reason: string | null = null
    for (let round = 0; round < rounds; round++) {
      browser.push(
        await timedInPage(
          page,
          browserJob(url, packPath + component.graph.path, component.externalData.path, threads, runs, feeds),
        ),
      )
      const answer: Timed | string = reason === null ? runNative(graph, threads, runs, feeds) : reason
      if (typeof answer === 'string') reason = answer
      else native.push(answer)
    }
    const ours = timing(browser)
    const theirs = native.length > 0 ? timing(native) : null
    const [a, b] = [browser[0]?.output ?? [], native[0]?.output ?? []]
    return {
      graph: component.graph.path,
      batch,
      threads,
      browser: ours,
      native: theirs,
      reason,
      ratio: theirs && ours.secondsPerRun / theirs.secondsPerRun,
      maxDifference:
        theirs && a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] ?? Number.NaN))), 0),
    }
  } finally {
    await page.close()
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Rounds of one side together. */
export function timing(rounds: readonly Timed[]): GraphTiming {
  const seconds = rounds.flatMap((round) => round.seconds)
  return {
    version: rounds[0]?.version ?? 'unknown',
    loadSeconds: median(rounds.map(({ loadSeconds }) => loadSeconds)),
    secondsPerRun: median(seconds),
    runs: seconds.length,
  }
}
