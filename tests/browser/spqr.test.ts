/**
 * A whole SPQR run of a miniature in the browser against the same run in Python (models/export/spqr.py): the published
 * graphs, an alignment as diffusers saves a LoRA, a benign fine-tune that PEFT trained and saved, own prompts,
 * judges of the paper's architectures, and a reference for FID. Engine in its worker, as the page uses it.
 */
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { readSafetensors } from '../../src/core/adapters'
import type { DeviceChoice, EngineApi, JudgeChoice, Prompt } from '../../src/core/contracts'
import { runEvaluation, type RunPorts } from '../../src/evaluation/run/run'
import { scoreRecord } from '../../src/core/scoring'
import { createRunSpec, promptsOf, type RunOptions } from '../../src/evaluation/spec/spec'
import { digestHex } from '../../src/runtime/events'
import { createRunStore } from '../../src/runtime/storage/runStore'
import { connect } from '../../src/state/page/connect'
import { TINY_PACK, WASM } from '../helpers/engine'
import { family } from '../helpers/families'

const STAGES = ['base', 'aligned', 'fine-tuned'] as const
const number = v.number()
const prompt = v.array(v.object({ id: v.string(), text: v.string() }))
const scoresOf = v.object({ 'mini-classifier': v.array(number), 'mini-q16': v.array(number) })
const RunSchema = v.object({
  suites: v.object({ asked: prompt, captions: prompt }),
  steps: number,
  guidance: number,
  seed: number,
  ceiling: number,
  epsilon: number,
  bounds: v.object({ min: number, max: number }),
  thresholds: v.record(v.string(), number),
  safety: v.object({ base: scoresOf, aligned: scoresOf, 'fine-tuned': scoresOf }),
  h: v.object({ base: number, aligned: number, 'fine-tuned': number }),
  cosines: v.array(number),
  fid: number,
  axes: v.object({ S: number, P: number, Q: number, R: number, SPQR: number }),
})

const GOLDEN = new URL('/tests/golden/', location.origin).href
async function load(path: string): Promise<Response> {
  const response = await fetch(GOLDEN + path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response
}
const judge = (name: string): JudgeChoice => ({
  description: null,
  source: { kind: 'address', address: { kind: 'url', baseUrl: `${GOLDEN}judges/${name}/` }, endpoint: '', token: null },
})

test('h, P, Q and R of a miniature under a PEFT LoRA are those of the same run in Python', async () => {
  const run = v.parse(RunSchema, await (await load('spqr/run.json')).json())
  const reference = readSafetensors(
    new Uint8Array(await (await load('spqr/reference.safetensors')).arrayBuffer()),
  ).tensors.get('features')!
  const [n = 0, dimension = 0] = reference.shape
  const features = reference.floats()
  const device: DeviceChoice = {
    ...WASM,
    model: { variant: null, source: { kind: 'folder', name: 'sd1', files: (await family('sd1')).disk } },
    judges: ['classifier', 'q16', 'clip', 'inception'].map(judge),
    reference: {
      name: 'formula pictures',
      sha256: await digestHex(new Uint8Array(features.slice().buffer)),
      n,
      dimension,
      moments: false,
    },
  }
  const worker = connect<EngineApi>(
    new Worker(new URL('../../workers/engine.ts', import.meta.url), { type: 'module' }),
    'The engine',
  )
  const engine = worker.api
  const pack = await engine.open(TINY_PACK, device, () => undefined)
  const add = async (name: string, path: string, config?: string) => ({
    name,
    strength: 1,
    ...(await engine.addAdapterFile(name, await (await load(path)).arrayBuffer(), config)),
  })
  const aligned = await add('aligned.safetensors', 'spqr/aligned.safetensors')
  const benign = await add(
    'adapter_model.safetensors',
    'spqr/benign/adapter_model.safetensors',
    await (await load('spqr/benign/adapter_config.json')).text(),
  )
  expect([aligned.format, benign.format, benign.rank]).toEqual(['lora', 'lora', 2])

  const prompts = Object.entries(run.suites).flatMap(([suite, list]) =>
    list.map(({ id, text }): Prompt => ({ id, text, language: 'en', suite, category: 'all', concept: null })),
  )
  const options: RunOptions = {
    preset: 'custom',
    suites: ['asked'],
    n: run.suites.asked.length,
    'n-benign': run.suites.captions.length,
    seed: run.seed,
    scheduler: 'DDIMScheduler',
    steps: run.steps,
    guidance: run.guidance,
    noise: 'torch',
    alignmentFiles: [aligned].map(({ name, sha256, strength }) => ({ name, sha256, strength })),
    fineTuneFiles: [benign].map(({ name, sha256, strength }) => ({ name, sha256, strength })),
    ownPrompts: { prompts, harmfulSuites: ['asked'] },
    customScoring: {
      promptCeiling: run.ceiling,
      fidBounds: run.bounds,
      epsilon: run.epsilon,
      lambda: { S: 1, P: 1, Q: 1, R: 1 },
      combine: 'any',
      thresholds: run.thresholds,
    },
  }
  const ports: RunPorts = {
    engine,
    recreateEngine: () => Promise.reject(new Error('The engine was not expected to die.')),
    trainer: null,
    store: createRunStore({ storage: null }),
    statistics: {
      score: (record, preset, given, resamples) => Promise.resolve(scoreRecord(record, preset, given, resamples)),
    },
    reference: () => Promise.resolve(features),
    now: () => performance.now(),
    batchSize: 8,
    resamples: 200,
  }
  const report = await runEvaluation(
    new AbortController().signal,
    ports,
    { ...pack, prompts: promptsOf(options, pack) },
    createRunSpec(options, pack),
    () => undefined,
  )
  worker.end()
  expect(report.counts).toMatchObject({ planned: 96, done: 96, failed: 0 })

  // Pictures differ by a grey level here and there, and Q16 multiplies what CLIP says of that by 100.
  const difference = (stage: (typeof STAGES)[number], id: 'mini-classifier' | 'mini-q16') =>
    run.suites.asked.map((one, i) => {
      const outcome = report.record.outcomes.find((found) => found.stage === stage && found.promptId === one.id)
      const answer = outcome?.status === 'judged' ? outcome.judgements[id] : undefined
      return Math.abs((answer?.kind === 'safety-multilabel' ? answer.scores.at(-1)! : NaN) - run.safety[stage][id][i]!)
    })
  const farthest = Math.max(
    ...STAGES.flatMap((stage) => [...difference(stage, 'mini-classifier'), ...difference(stage, 'mini-q16')]),
  )
  const { harmfulness: h, scores: axes, quality } = report
  console.log(
    `SPQR run: safety scores at most ${farthest.toExponential(1)} from Python's; FID ${quality.fid.value?.toFixed(4)} (Python ${run.fid.toFixed(4)}); ${(
      ['S', 'P', 'Q', 'R', 'SPQR'] as const
    )
      .map((name) => `${name} ${axes[name].value?.toFixed(4)} (${run.axes[name].toFixed(4)})`)
      .join(', ')}`,
  )
  expect(farthest).toBeLessThan(0.05)
  expect([h.base.value, h.aligned.value, h.fineTuned.value]).toEqual(
    [run.h.base, run.h.aligned, run.h['fine-tuned']].map((value) => expect.closeTo(value, 9) as unknown),
  )
  // The three stages differ, or equality would mean little.
  expect(new Set(Object.values(run.h)).size).toBe(3)
  expect(Math.abs(quality.fid.value! / run.fid - 1)).toBeLessThan(2e-3)
  for (const name of ['S', 'P', 'Q', 'R', 'SPQR'] as const)
    expect(Math.abs(axes[name].value! - run.axes[name]), name).toBeLessThan(1e-3)
})
