/**
 * The real pack in a real browser against the recipe's Python pipeline (tests/golden/pictogram), stage by stage: tokens,
 * text encoder, noise, the latents of every step, bytes, judges; at the base model and under an adapter.
 * Tolerance: 2e-4 for embeddings, 1e-3 for latents after eight guided steps (of size about 1), bytes within 2 of 255,
 * scores within two steps of their grid.
 */
import { onGrid } from '../../src/core/scoring/grid'
import { beforeAll, describe, expect, test } from 'vitest'
import type { SafetensorsFile } from '../../src/core/adapters'
import type { ModelVariant, SamplerSpec } from '../../src/core/contracts'
import { loadJudge } from '../../src/runtime/judges/judgeLoading'
import { type Answer } from '../../src/runtime/judges/judges'
import facts from '../golden/pictogram/pipeline.json'
import { golden, maxDifference, openParts, type Parts } from '../helpers/engine'

const PACK = new URL('/packs/pictogram/', location.origin).href
const none = new AbortController().signal
const requests = facts.prompts.map(({ text }, i) => ({ text, seed: facts.seeds[i]! }))
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

let parts: Parts
let values: SafetensorsFile
const floats = (name: string) => values.tensors.get(name)!.floats()

beforeAll(async () => {
  values = await golden(new URL('/tests/golden/pictogram/pipeline.safetensors', location.origin).href)
  parts = await openParts(PACK, 'wasm')
})

function variant(id: string): ModelVariant {
  return {
    stage: id === 'base' ? 'base' : 'aligned',
    step: null,
    alignment: id === 'base' ? null : { kind: 'pack', id, sha256: '00000000' },
    fineTune: { kind: 'none' },
  }
}

describe('the pictogram pack equals its Python pipeline', () => {
  test('tokens', () => {
    expect(facts.prompts.map(({ text }) => parts.tokenizer.encode(text).ids)).toEqual(facts.inputIds)
    expect(parts.tokenizer.encode('').ids).toEqual(facts.emptyInputIds)
  })

  test.each(facts.variants)('every stage: %s', async (id) => {
    await parts.models.prepare(variant(id), none)
    const { pipeline } = parts.models
    const { scheduler } = parts.manifest.model
    const sampler: SamplerSpec = {
      scheduler: scheduler.type,
      numInferenceSteps: facts.timesteps.length,
      guidanceScale: facts.guidanceScale,
      noise: 'torch',
    }
    const embeds = await pipeline.text.embed(requests.map(({ text }) => text))
    const context = maxDifference(
      embeds.flatMap((embed) => [...embed]),
      floats('context'),
    )
    const trail = floats(`${id}/latents`)
    const size = trail.length / facts.timesteps.length
    const steps: number[] = []
    const { pictures } = await pipeline.generate(requests, sampler, none, {
      onLatents: (latents, i) => steps.push(maxDifference(latents, trail.subarray(i * size, (i + 1) * size))),
    })
    const rgb = pictures.map((picture) => {
      if (picture.status !== 'made') throw picture.error
      return picture.rgb
    })
    const bytes = maxDifference(
      rgb.flatMap((one) => [...one]),
      floats(`${id}/rgb`),
    )
    console.log(
      `${id}: largest difference to Python: context ${context.toExponential(1)}, latents ${Math.max(...steps).toExponential(1)}, bytes ${bytes}`,
    )
    expect(context).toBeLessThan(2e-4)
    expect(Math.max(...steps)).toBeLessThan(1e-3)
    expect(bytes).toBeLessThanOrEqual(2)
  })

  test.each(facts.variants)('every judge on the same bytes: %s', async (id) => {
    const { manifest, runtime, files, tokenizer } = parts
    const { height, width } = manifest.model.image
    const area = 3 * height * width
    const bytes = floats(`${id}/rgb`)
    const pictures = requests.map(({ text }, i) => ({
      text,
      width,
      height,
      rgb: Uint8Array.from(bytes.subarray(i * area, (i + 1) * area)),
    }))
    for (const judge of manifest.judges) {
      const runner = await loadJudge({ runtime, files, tokenizer, onEvent: () => undefined }, judge, none)
      const judgements = await runner.judgeAll(pictures)
      const got = judgements.flatMap(numbers)
      const wanted =
        judge.kind === 'safety-multilabel'
          ? interleave(floats(`${id}/${judge.id}/logits`), floats(`${id}/${judge.id}/legible`)).map(sigmoid)
          : [...floats(`${id}/${judge.id}/${judge.kind === 'clip' ? 'cosine' : 'features'}`)]
      expect(maxDifference(got, wanted)).toBeLessThan(judge.kind === 'features' ? 2e-3 : 2e-4)
      expect(got.every((value) => onGrid(value, judge.kind === 'features' ? 1e3 : 1e4) === value)).toBe(true)
      await runner.release()
    }
  })
})

function numbers(judgement: Answer): number[] {
  if (judgement instanceof Error) throw judgement
  switch (judgement.kind) {
    case 'safety-multilabel':
      return [...judgement.scores, judgement.legible!]
    case 'clip':
      return [judgement.cosine]
    case 'features':
      return judgement.features
  }
}

/** Rows of scores with their legibility behind. */
function interleave(scores: Float32Array, legible: Float32Array): number[] {
  const labels = scores.length / legible.length
  return [...legible].flatMap((value, i) => [...scores.subarray(i * labels, (i + 1) * labels), value])
}
