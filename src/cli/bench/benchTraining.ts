/**
 * One training step of each profile, in the browser (the exported graph on WASM) and in PyTorch on the CPU (the same
 * network, autograd and torch.optim.AdamW), with the same batch and threads, in turns.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext } from 'playwright'
import type { Component, Training, TrainingProfile } from '../../core/contracts'
import {
  PYTHON,
  externalData,
  ortPage,
  readTimed,
  timedInPage,
  timing,
  type GraphTiming,
  type Timed,
} from './benchGraph'
import { ROOT } from '../page'

export interface StepComparison {
  profile: string
  parameters: number
  batch: number
  threads: number
  browser: GraphTiming
  /** Null when PyTorch is not at hand; `reason` says why. */
  pytorch: GraphTiming | null
  reason: string | null
  /** Browser time over PyTorch's. */
  ratio: number | null
}

/** Text of the page's side. Inputs are smooth and fixed: the time does not depend on them. */
function stepJob(
  url: string,
  packPath: string,
  unet: Component,
  { graph, inputs }: TrainingProfile,
  threads: number,
  runs: number,
): string {
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
    const session = await ort.InferenceSession.create(graph, { executionProviders: ['wasm'], logSeverityLevel: 3, externalData: [{ path: job.dataPath, data: weights }] })
    const loadSeconds = (performance.now() - start) / 1000
    const constants = { m: 0, v: 0, bias1: 0.1, bias2: 0.001, learning_rate: 1e-4, sigma: 0.5, sample_weight: 1 / job.batch }
    const feeds = Object.fromEntries(job.inputs.map(({ name, dims }) => {
      const size = dims.reduce((a, b) => a * b, 1)
      const data = name in constants ? new Float32Array(size).fill(constants[name]) : Float32Array.from({ length: size }, (_, i) => 0.1 * Math.sin(0.37 * i))
      return [name, new ort.Tensor('float32', data, dims)]
    }))
    const fetches = ['loss', 'next_flat', 'next_m', 'next_v']
    const { loss } = await session.run(feeds, fetches)
    const seconds = []
    for (let i = 0; i < job.runs; i++) {
      const begun = performance.now()
      await session.run(feeds, fetches)
      seconds.push((performance.now() - begun) / 1000)
    }
    await session.release()
    return { version: ort.env.versions.web, loadSeconds, seconds, output: [loss.data[0]] }
  })(${JSON.stringify({ url, graph: packPath + graph.path, dataPath: unet.externalData.path, batch: batchOf(inputs), inputs, threads, runs })})`
}

const batchOf = (inputs: TrainingProfile['inputs']): number =>
  Number(inputs.find(({ name }) => name === 'latents')?.dims[0] ?? 1)

function runTorch(
  folder: string,
  unet: Component,
  profile: string,
  batch: number,
  threads: number,
  runs: number,
): Timed | string {
  if (!existsSync(PYTHON)) return 'no Python environment under models/pictogram/.venv (its recipe makes one)'
  const job = {
    recipe: join(ROOT, 'models', 'pictogram'),
    weights: join(folder, unet.weights.path),
    profile,
    batch,
    threads,
    runs,
  }
  const result = spawnSync(PYTHON, [join(ROOT, 'src', 'cli', 'bench', 'trainingStep.py')], {
    input: JSON.stringify(job),
    encoding: 'utf8',
  })
  if (result.status !== 0) return `PyTorch failed: ${result.stderr.trim().split('\n').at(-1) ?? 'no reason given'}`
  return readTimed('PyTorch', result.stdout.trim().split('\n').at(-1) ?? '')
}

/** `folder`: the pack on disk; `packPath`: the same below `url`. Rounds alternate, so that a busy machine slows both alike. */
export async function compareSteps(
  context: BrowserContext,
  url: string,
  packPath: string,
  folder: string,
  unet: Component,
  training: Training,
  { threads, runs, rounds }: { threads: number; runs: number; rounds: number },
): Promise<StepComparison[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'spqr-bench-'))
  const data = join(scratch, 'weights.bin')
  writeFileSync(data, externalData(unet, folder))
  const page = await ortPage(context, `${url}${packPath}manifest.json`, data)
  try {
    const comparisons: StepComparison[] = []
    for (const profile of training.profiles) {
      const batch = batchOf(profile.inputs)
      const [browser, torch]: [Timed[], Timed[]] = [[], []]
      let reason: string | null = null
      for (let round = 0; round < rounds; round++) {
        browser.push(await timedInPage(page, stepJob(url, packPath, unet, profile, threads, runs)))
        const answer: Timed | string = reason ?? runTorch(folder, unet, profile.profile, batch, threads, runs)
        if (typeof answer === 'string') reason = answer
        else torch.push(answer)
      }
      const [ours, theirs] = [timing(browser), torch.length > 0 ? timing(torch) : null]
      comparisons.push({
        profile: profile.profile,
        parameters: profile.length,
        batch,
        threads,
        browser: ours,
        pytorch: theirs,
        reason,
        ratio: theirs && ours.secondsPerRun / theirs.secondsPerRun,
      })
    }
    return comparisons
  } finally {
    await page.close()
    rmSync(scratch, { recursive: true, force: true })
  }
}
