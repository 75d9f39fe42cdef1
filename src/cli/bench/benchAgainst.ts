/**
 * The denoising loop beside what a user would pick instead, in one run and in turns: plain onnxruntime-web calls with the
 * result read back and guidance applied in JavaScript every step, and PyTorch on the CPU. Both do the loop alone; the
 * product's time is that of whole pictures, with text encoder, decoder and hashes, so that it is never flattered.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import type { Component, DiffusionModel, Report } from '../../core/contracts'
import { ROOT, inPage, openPage, type OpenBrowser } from '../page'
import { PYTHON, externalData, median, ortPage, readTimed, timedInPage, timing, type Timed } from './benchGraph'

export interface Contender {
  name: string
  version: string
  msPerPicture: number | null
  /** Its time over the product's for the same pictures; null where it was not measured, and `reason` says why. */
  ratio: number | null
  reason: string | null
}
export interface Against {
  batch: number
  steps: number
  guidance: number
  threads: number
  contenders: Contender[]
  /** Largest difference between the latents of plain calls and PyTorch, of the first 16 numbers. */
  maxDifference: number | null
}

/** What every side computes. */
interface Loop {
  batch: number
  steps: number
  guidance: number
  latent: [number, number, number]
  context: [number, number]
  threads: number
  runs: number
}

const ROUNDS = 3
const TRANSFORMERS = '@huggingface/transformers has no diffusion pipeline, and no class that runs a U-Net'

/** Text of the page's side: sessions and tensors as the library's examples use them. */
const plainJob = (url: string, graph: string, dataPath: string, loop: Loop): string => `(async (job) => {
  ort.env.wasm.wasmPaths = job.url + 'ort/'
  ort.env.wasm.numThreads = job.threads
  const read = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer())
  const [graph, weights] = await Promise.all([read(job.url + job.graph), read(job.url + 'bench-weights.bin')])
  const start = performance.now()
  const session = await ort.InferenceSession.create(graph, { executionProviders: ['wasm'], externalData: [{ path: job.dataPath, data: weights }] })
  const loadSeconds = (performance.now() - start) / 1000
  const wave = (length) => Float32Array.from({ length }, (_, i) => Math.sin(0.37 * i))
  const size = job.latent.reduce((a, b) => a * b, job.batch)
  const hidden = new ort.Tensor('float32', wave(2 * job.batch * job.context[0] * job.context[1]), [2 * job.batch, ...job.context])
  const batch = async () => {
    let latents = wave(size)
    for (let i = 0; i < job.steps; i++) {
      const [sigma, next] = [1 - i / job.steps, 1 - (i + 1) / job.steps]
      const twice = new Float32Array(2 * size)
      twice.set(latents)
      twice.set(latents, size)
      const outputs = await session.run({
        sample: new ort.Tensor('float32', twice, [2 * job.batch, ...job.latent]),
        timestep: new ort.Tensor('float32', new Float32Array(2 * job.batch).fill(1000 * sigma), [2 * job.batch]),
        encoder_hidden_states: hidden,
      })
      const both = await outputs[session.outputNames[0]].getData()
      latents = latents.map((value, k) => value + (next - sigma) * (both[k] + job.guidance * (both[size + k] - both[k])))
    }
    return latents
  }
  const first = await batch()
  const seconds = []
  for (let i = 0; i < job.runs; i++) {
    const begun = performance.now()
    await batch()
    seconds.push((performance.now() - begun) / 1000)
  }
  await session.release()
  return { version: 'onnxruntime-web ' + ort.env.versions.web, loadSeconds, seconds, output: Array.from(first.slice(0, 16)) }
})(${JSON.stringify({ url, graph, dataPath, ...loop })})`

function torch(weights: string, loop: Loop): Timed | string {
  if (!existsSync(PYTHON)) return 'no Python environment under models/pictogram/.venv (its recipe makes one)'
  const job = { recipe: join(ROOT, 'models', 'pictogram'), weights, ...loop }
  const result = spawnSync(PYTHON, [join(ROOT, 'src', 'cli', 'bench', 'denoise.py')], {
    input: JSON.stringify(job),
    encoding: 'utf8',
  })
  if (result.status !== 0) return `PyTorch failed: ${result.stderr.trim().split('\n').at(-1) ?? 'no reason given'}`
  return readTimed('PyTorch', result.stdout.trim().split('\n').at(-1) ?? '')
}

/** Seconds a picture of the product, of a run of its own. */
async function ours(page: Page, parameters: Record<string, string>): Promise<number> {
  const { timings } = await inPage<Report>(page, `globalThis.spqr.evaluate(${JSON.stringify(parameters)})`)
  return timings.generateSeconds / timings.images
}

/** `folder`: the pack on disk; `packPath`: the same below `url`. */
export async function benchAgainst(
  browser: OpenBrowser,
  url: string,
  { packPath, folder, model, unet, threads }: AgainstParts,
): Promise<Against> {
  const scratch = mkdtempSync(join(tmpdir(), 'spqr-bench-'))
  const data = join(scratch, 'weights.bin')
  writeFileSync(data, externalData(unet, folder))
  const { numInferenceSteps: steps, guidanceScale: guidance } = model.scheduler
  const { channels, height, width } = model.latent
  const [tokens = 1, size = 1] = (unet.inputs.find(({ name }) => name === 'encoder_hidden_states')?.dims ?? [])
    .slice(1)
    .map(Number)
  const loop: Loop = {
    batch: 8,
    steps,
    guidance,
    latent: [channels, height, width],
    context: [tokens, size],
    threads,
    runs: 2,
  }
  const job = { preset: 'custom', n: '15', 'n-benign': '1', profile: 'none', ep: 'wasm', threads: String(threads) }
  const { page } = await openPage(browser.context, url)
  const plainPage = await ortPage(await browser.plainContext(), `${url}${packPath}manifest.json`, data)
  const [full, fast, plain, native]: [number[], number[], Timed[], Timed[]] = [[], [], [], []]
  let reason: string | null = null
  try {
    await ours(page, { ...job, n: '2', sampler: 'full', seed: '60' })
    for (let round = 1; round <= ROUNDS; round++) {
      full.push(await ours(page, { ...job, sampler: 'full', seed: String(60 + round) }))
      fast.push(await ours(page, { ...job, sampler: 'fast', seed: String(70 + round) }))
      plain.push(await timedInPage(plainPage, plainJob(url, packPath + unet.graph.path, unet.externalData.path, loop)))
      const answer: Timed | string = reason ?? torch(join(folder, unet.weights.path), loop)
      if (typeof answer === 'string') reason = answer
      else native.push(answer)
    }
  } finally {
    await page.close()
    await plainPage.close()
    rmSync(scratch, { recursive: true, force: true })
  }
  return compared(loop, { full, fast, plain, native }, reason)
}

interface Times {
  /** Seconds a picture of the product, by its two samplers. */
  full: readonly number[]
  fast: readonly number[]
  plain: readonly Timed[]
  native: readonly Timed[]
}

function compared(loop: Loop, { full, fast, plain, native }: Times, reason: string | null): Against {
  const { batch, steps, guidance, threads } = loop
  const base = 1000 * median(full)
  const contender = (name: string, version: string, ms: number | null, why: string | null = null): Contender => ({
    ...{ name, version, msPerPicture: ms, ratio: ms === null ? null : ms / base, reason: why },
  })
  const perPicture = (rounds: readonly Timed[]): number | null =>
    rounds.length === 0 ? null : (1000 * timing(rounds).secondsPerRun) / batch
  const [a, b] = [plain[0]?.output ?? [], native[0]?.output ?? []]
  return {
    ...{ batch, steps, guidance, threads },
    contenders: [
      contender('this page, full sampler, whole pictures', 'spqr-web', base),
      contender('this page, fast sampler, whole pictures', 'spqr-web', 1000 * median(fast)),
      contender('plain calls, read back every step', timing(plain).version, perPicture(plain)),
      contender('PyTorch on the CPU', native[0]?.version ?? 'PyTorch', perPicture(native), reason),
      contender('transformers.js', '@huggingface/transformers', null, TRANSFORMERS),
    ],
    maxDifference: b.length === 0 ? null : Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN)))),
  }
}

export interface AgainstParts {
  packPath: string
  folder: string
  model: DiffusionModel
  unet: Component
  threads: number
}

export function againstLines({ batch, steps, threads, contenders, maxDifference }: Against): string[] {
  return [
    `Pictures in batches of ${batch}, ${steps} steps under guidance, ${threads} ${threads === 1 ? 'thread' : 'threads'}:`,
    ...contenders.map(({ name, version, msPerPicture, ratio, reason }) =>
      msPerPicture === null || ratio === null
        ? `  ${name}: not measured: ${reason}`
        : `  ${name} (${version}): ${msPerPicture.toFixed(1)} ms a picture, ratio ${ratio.toFixed(2)}`,
    ),
    ...(maxDifference === null
      ? []
      : [`  plain calls and PyTorch differ by ${maxDifference.toExponential(1)} at most`]),
  ]
}
