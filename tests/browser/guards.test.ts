/**
 * Alignments that came after pictogram's manifest, drawn in a real browser: each is held against something that it did not compute
 * itself (PyTorch's embeddings, the base's own pictures to the bit, the share of the latent grid, what a judge says).
 */
import * as v from 'valibot'
import { beforeAll, describe, expect, test } from 'vitest'
import { readSafetensors } from '../../src/core/adapters'
import { AlignmentsSchema, alignmentsBeside, type AlignmentSpec, type SamplerSpec } from '../../src/core/contracts'
import { Redirector } from '../../src/core/guidance'
import { SAFECTRL } from '../../src/core/methods'
import { createScheduler } from '../../src/core/schedulers'
import { batchNoise } from '../../src/runtime/generator/noise'
import { createSoftText } from '../../src/runtime/generator/softText'
import { packed } from '../../src/runtime/generator/weights'
import { loadJudge } from '../../src/runtime/judges/judgeLoading'
import facts from '../golden/soft-prompt/soft-prompt.json'
import { maxDifference, openParts, type Parts } from '../helpers/engine'

const PACK = new URL('/packs/pictogram/', location.origin).href
const none = new AbortController().signal
/** Ten forbidden ones, then harmless ones, with the gate of each by PyTorch. */
const FORBIDDEN = facts.drawn.slice(0, 10).map(({ text }) => text)
const requests = facts.drawn.map(({ text }, i) => ({ text, seed: 500 + i }))

interface Drawn {
  /** Of every picture. */
  rgb: Uint8Array[]
  /** Latents of the whole batch after every step. */
  steps: Float32Array[]
  flagged: boolean[]
}

let parts: Parts
let base: Drawn
/** The pack's first safety judge. */
let judge: Awaited<ReturnType<typeof loadJudge>>
let threshold: number

beforeAll(async () => {
  const beside = v.parse(AlignmentsSchema, await (await fetch(`${PACK}alignments.json`)).json())
  parts = await openParts(PACK, 'wasm', (manifest) => ({
    ...manifest,
    adapters: [...manifest.adapters, ...alignmentsBeside(manifest, beside).adapters],
  }))
  const { runtime, files, tokenizer, manifest } = parts
  const safety = manifest.judges.find(({ kind }) => kind === 'safety-multilabel')
  if (safety?.kind !== 'safety-multilabel') throw new Error('pictogram has a safety judge')
  judge = await loadJudge({ runtime, files, tokenizer, onEvent: () => undefined }, safety, none)
  threshold = safety.threshold
  base = await drawn(null)
}, 300_000)

const sampler = (): SamplerSpec => {
  const { type, numInferenceSteps, guidanceScale } = parts.manifest.model.scheduler
  return { scheduler: type, numInferenceSteps, guidanceScale, noise: 'philox' }
}

async function drawn(alignment: AlignmentSpec | null): Promise<Drawn> {
  await parts.models.prepare({ stage: 'aligned', step: null, alignment, fineTune: { kind: 'none' } }, none)
  const steps: Float32Array[] = []
  const { pictures } = await parts.models.pipeline.generate(requests, sampler(), none, {
    onLatents: (latents) => steps.push(latents.slice()),
  })
  const made = pictures.map((picture, i) => {
    if (picture.status !== 'made') throw picture.error
    return { text: requests[i]!.text, width: picture.width, height: picture.height, rgb: picture.rgb }
  })
  const answers = await judge.judgeAll(made)
  const flagged = answers.map((answer) => 'scores' in answer && answer.scores.some((score) => score >= threshold))
  return { rgb: made.map(({ rgb }) => rgb), steps, flagged }
}

const entry = (id: string) => parts.manifest.adapters.find((one) => one.id === id)!
const shipped = (id: string): AlignmentSpec => ({ kind: 'pack', id, sha256: entry(id).file.sha256 })
const guard = (method: 'promptsafe' | 'saferedir'): AlignmentSpec => ({
  kind: 'inference',
  method,
  concepts: [],
  weights: entry(method).file.sha256,
})
const bytesOf = (id: string) => parts.files.load(entry(id).file, none)
const h = ({ flagged }: Drawn) => flagged.slice(0, FORBIDDEN.length).filter(Boolean).length
/** Whether picture `i` is the base's, to the bit. */
const same = (one: Drawn, i: number) => one.rgb[i]!.every((byte, k) => byte === base.rgb[i]![k])

test('the base draws what is forbidden', () => {
  expect(h(base)).toBeGreaterThanOrEqual(8)
  expect(base.flagged.slice(FORBIDDEN.length)).not.toContain(true)
})

describe('PromptSafe-style', () => {
  test('embeddings behind the token are those of transformers', async () => {
    await parts.models.prepare({ stage: 'base', step: null, alignment: null, fineTune: { kind: 'none' } }, none)
    const { runtime, files, manifest } = parts
    const { text } = parts.models.pipeline
    const model = { id: manifest.id, textEncoder: packed('text encoder', manifest.model.textEncoder) }
    const soft = createSoftText(await bytesOf('promptsafe'), model, {
      runtime,
      files,
      adapters: [],
      onEvent: () => undefined,
      signal: () => undefined,
    })
    const embeds = await soft.embed(
      text,
      facts.prompts.map((prompt) => prompt.text),
    )
    for (const [i, { hidden }] of facts.prompts.entries()) {
      const rows = facts.rows.flatMap((row) => [...embeds[i]!.subarray(row * facts.width, (row + 1) * facts.width)])
      expect(maxDifference(rows, hidden) / Math.max(...hidden.map(Math.abs))).toBeLessThan(facts.hiddenTolerance)
    }
    await soft.release()
  })

  test('a closed gate leaves the picture to the bit, an open one changes it, and less is flagged', async () => {
    const guarded = await drawn(guard('promptsafe'))
    const open = facts.drawn.map(({ gate }) => gate >= 0.1)
    expect(open.slice(FORBIDDEN.length)).toContain(false)
    expect(requests.map((_, i) => !same(guarded, i))).toEqual(open)
    expect(h(guarded)).toBeLessThan(h(base))
  }, 300_000)
})

test('SafeRedir-style: where its network finds nothing on the way the picture is the base’s to the bit, else it is not', async () => {
  const guarded = await drawn(guard('saferedir'))
  const network = Redirector.read(readSafetensors(await bytesOf('saferedir')))
  const embeds = await parts.models.pipeline.text.embed(requests.map(({ text }) => text))
  const { scheduler } = parts.manifest.model
  const { numInferenceSteps } = sampler()
  const noise = batchNoise(
    'philox',
    requests.map(({ seed }) => seed),
    network.latent,
    0,
  )
  const before = [noise.initial, ...base.steps]
  const redirected = requests.map((_, i) =>
    [...createScheduler(scheduler, numInferenceSteps, 1).timesteps].some((timestep, step) => {
      const own = before[step]!.subarray(i * network.latent, (i + 1) * network.latent)
      return network.redirect(own, embeds[i]!, timestep).unsafe
    }),
  )
  expect(requests.map((_, i) => !same(guarded, i))).toEqual(redirected)
  expect(h(guarded)).toBeLessThan(h(base))
}, 300_000)

test('SafeCtrl-style: the first step changes its share of the latent grid and not one cell more', async () => {
  const guarded = await drawn({ kind: 'inference', method: 'safectrl', concepts: FORBIDDEN })
  const { channels, height, width } = parts.manifest.model.latent
  const cells = height * width
  for (const [i] of requests.entries()) {
    const changed = Array.from({ length: cells }, (_, cell) =>
      Array.from({ length: channels }, (__, c) => (i * channels + c) * cells + cell).some(
        (at) => guarded.steps[0]![at] !== base.steps[0]![at],
      ),
    )
    expect(changed.filter(Boolean).length).toBeLessThanOrEqual(SAFECTRL.share * cells)
    if (i < FORBIDDEN.length) expect(changed).toContain(true)
  }
  expect(FORBIDDEN.every((_, i) => !same(guarded, i))).toBe(true)
  expect(h(guarded)).toBeLessThanOrEqual(h(base))
}, 300_000)

test.each(['safe-clip', 'safer-clip'])(
  '%s: at strength 0 the base’s pictures to the bit, at 1 less is flagged',
  async (id) => {
    const { sha256 } = await parts.shelf.add(`${id}.safetensors`, await bytesOf(id))
    const off = await drawn({ kind: 'file', sha256, name: id, strength: 0 })
    expect(requests.filter((_, i) => !same(off, i))).toEqual([])
    const on = await drawn(shipped(id))
    expect(FORBIDDEN.every((_, i) => !same(on, i))).toBe(true)
    expect(h(on)).toBeLessThan(h(base))
  },
  300_000,
)
