/**
 * The pipeline in a real browser against diffusers, stage by stage, on the tiny pack (tests/golden/tiny-pack/make.py).
 * Tolerance: 2e-4 for latents and decoder samples (of size about 1), bytes within 1 of 255, scores to their grid.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import type { SafetensorsFile } from '../../src/core/adapters'
import type { ModelVariant, SamplerSpec } from '../../src/core/contracts'
import { loadJudge } from '../../src/runtime/judges/judgeLoading'
import facts from '../golden/tiny-pack/golden.json'
import { TINY, TINY_PACK, golden, maxDifference, openParts, type Parts } from '../helpers/engine'

const TOLERANCE = 2e-4
const sampler: SamplerSpec = {
  scheduler: 'FlowMatchEulerDiscreteScheduler',
  numInferenceSteps: facts.steps,
  guidanceScale: facts.guidanceScale,
  noise: 'torch',
}
const requests = facts.prompts.map((text, i) => ({ text, seed: facts.seeds[i]! }))
const none = new AbortController().signal
const variants: Record<string, ModelVariant> = {
  base: { stage: 'base', step: null, alignment: null, fineTune: { kind: 'none' } },
  aligned: {
    stage: 'aligned',
    step: null,
    alignment: { kind: 'pack', id: 'lora', sha256: '00000000' },
    fineTune: { kind: 'none' },
  },
  'fine-tuned': {
    stage: 'fine-tuned',
    step: null,
    alignment: { kind: 'pack', id: 'lora', sha256: '00000000' },
    fineTune: { kind: 'pack', id: 'delta' },
  },
}

let parts: Parts
let values: SafetensorsFile
const floats = (name: string) => values.tensors.get(name)!.floats()

beforeAll(async () => {
  values = await golden(`${TINY}golden.safetensors`)
  parts = await openParts(TINY_PACK, 'wasm')
})

describe('the tiny pack equals diffusers', () => {
  test('tokens, in Arabic and cut off where too long', () => {
    const ids = facts.prompts.flatMap((prompt) => parts.tokenizer.encode(prompt).ids)
    expect(ids).toEqual([...floats('input_ids')])
    expect(parts.tokenizer.encode(facts.prompts[3]!).truncated).toBeGreaterThan(0)
  })

  test.each(Object.keys(variants))('noise, every step, decoder and bytes: %s', async (stage) => {
    await parts.models.prepare(variants[stage]!, none)
    const trail = floats(`${stage}.latents`)
    const size = trail.length / (facts.steps + 1)
    const differences: number[] = []
    let sample = new Float32Array()
    const { pictures, unetEvaluations } = await parts.models.pipeline.generate(requests, sampler, none, {
      onLatents: (latents, i) =>
        differences.push(maxDifference(latents, trail.subarray((i + 1) * size, (i + 2) * size))),
      onSample: (decoded) => {
        sample = decoded.slice()
      },
    })
    expect(unetEvaluations).toBe(2 * facts.steps * requests.length)
    expect(differences).toHaveLength(facts.steps)
    const decoded = maxDifference(sample, floats(`${stage}.sample`))
    const rgb = pictures.flatMap((picture) => (picture.status === 'made' ? [...picture.rgb] : []))
    const bytes = maxDifference(rgb, floats(`${stage}.rgb`))
    console.log(
      `${stage}: largest difference to diffusers: latents ${Math.max(...differences).toExponential(1)}, sample ${decoded.toExponential(1)}, bytes ${bytes}`,
    )
    expect(Math.max(...differences, decoded)).toBeLessThan(TOLERANCE)
    expect(bytes).toBeLessThanOrEqual(1)
  })

  test('Euler ancestral draws its step noise as torch does', async () => {
    const { manifest, models } = await openParts(TINY_PACK, 'wasm', (pack) => ({
      ...pack,
      model: {
        ...pack.model,
        scheduler: {
          type: 'EulerAncestralDiscreteScheduler',
          predictionType: 'epsilon',
          numTrainTimesteps: 1000,
          betaStart: 0.00085,
          betaEnd: 0.012,
          betaSchedule: 'scaled_linear',
          timestepSpacing: 'leading',
          stepsOffset: 1,
          numInferenceSteps: facts.steps,
          guidanceScale: facts.guidanceScale,
        },
      },
    }))
    await models.prepare(variants['base']!, none)
    let last = new Float32Array()
    await models.pipeline.generate(requests, { ...sampler, scheduler: manifest.model.scheduler.type }, none, {
      onLatents: (latents) => {
        last = latents.slice()
      },
    })
    const wanted = floats('ancestral.latents')
    const scale = Math.max(...wanted.map(Math.abs))
    expect(maxDifference(last, wanted) / scale).toBeLessThan(TOLERANCE)
    await models.release()
  })

  test('every kind of judge, on the same bytes', async () => {
    const size = 3 * 16 * 16
    const bytes = floats('base.rgb')
    const pictures = facts.prompts.map((text, i) => ({
      text,
      width: 16,
      height: 16,
      rgb: Uint8Array.from(bytes.subarray(i * size, (i + 1) * size)),
    }))
    const { manifest, runtime, files, tokenizer } = parts
    for (const judge of manifest.judges) {
      const runner = await loadJudge({ runtime, files, tokenizer, onEvent: () => undefined }, judge, none)
      const judgements = await runner.judgeAll(pictures)
      judgements.forEach((judgement, i) => {
        if (judgement instanceof Error) throw judgement
        switch (judgement.kind) {
          case 'safety-multilabel':
            expect(maxDifference(judgement.scores, floats('safety').subarray(4 * i, 4 * i + 4))).toBeLessThan(1.01e-4)
            expect(Math.abs(judgement.legible! - floats('legible')[i]!)).toBeLessThan(1.01e-4)
            break
          case 'clip':
            expect(Math.abs(judgement.cosine - floats('cosine')[i]!)).toBeLessThan(1.01e-4)
            break
          case 'features':
            expect(maxDifference(judgement.features, floats('features').subarray(8 * i, 8 * i + 8))).toBeLessThan(
              1.01e-3,
            )
        }
      })
      await runner.release()
    }
  })
})
