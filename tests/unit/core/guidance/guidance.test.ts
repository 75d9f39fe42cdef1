import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { InferenceAlignment } from '../../../../src/core/contracts'
import { createGuidance, safreeEmbeds, sldWarmupSteps } from '../../../../src/core/guidance'
import { regionOf, type Region } from '../../../../src/core/guidance/region'
import { SLD_PRESETS } from '../../../../src/core/methods'

type SldName = 'sld-weak' | 'sld-medium' | 'sld-strong' | 'sld-max'
const golden = JSON.parse(readFileSync(new URL('../../../golden/guidance/guidance.json', import.meta.url), 'utf8')) as {
  guidanceScale: number
  tolerance: number
  unconditional: number[][]
  conditional: number[][]
  safety: number[][]
  sld: { preset: SldName; steps: number; diffusers: number[][]; paper: number[][] }[]
  safectrl: { latent: { channels: number; height: number; width: number }; steps: number; paper: number[][] }[]
  regions: (Region & { inside: number[][] })[]
  safree: {
    name: string
    d: number
    alpha: number
    positions: number[]
    promptEmbeds: number[]
    maskedPromptEmbeds: number[]
    conceptEmbeds: number[]
    expected: number[]
    triggers: boolean[]
  }[]
}
/** The golden predictions as one latent. */
const LATENT = { channels: 3, height: 2, width: 2 }
const predictionsAt = (step: number) => ({
  unconditional: Float32Array.from(golden.unconditional[step % 7] ?? []),
  conditional: Float32Array.from(golden.conditional[step % 7] ?? []),
  safety: Float32Array.from(golden.safety[step % 7] ?? []),
})
const spec = (method: InferenceAlignment['method']): InferenceAlignment => ({
  kind: 'inference',
  method,
  concepts: ['knife'],
})
function relativeGap(actual: ArrayLike<number>, expected: number[]): number {
  if (actual.length !== expected.length) return Infinity
  return (
    Math.max(...expected.map((value, i) => Math.abs((actual[i] ?? NaN) - value))) / Math.max(...expected.map(Math.abs))
  )
}

describe('safe latent diffusion', () => {
  test.each(golden.sld)(
    '$preset in $steps steps equals the paper and diffusers at every step',
    ({ preset, steps, diffusers, paper }) => {
      const guidance = createGuidance(spec(preset), golden.guidanceScale, steps, LATENT)
      expect(guidance.conditions).toEqual(['unconditional', 'conditional', 'safety'])
      for (let k = 0; k < steps; k += 1) {
        const combined = guidance.combine(predictionsAt(k), k)
        expect(relativeGap(combined, paper[k] ?? []), `step ${k}, paper`).toBeLessThanOrEqual(golden.tolerance)
        expect(relativeGap(combined, diffusers[k] ?? []), `step ${k}, diffusers`).toBeLessThanOrEqual(golden.tolerance)
      }
    },
  )

  test('takes δ as a share of 50 steps', () => {
    const warmups = (steps: number) => Object.values(SLD_PRESETS).map((preset) => sldWarmupSteps(preset, steps))
    expect(warmups(50)).toEqual([15, 10, 7, 0])
    expect(warmups(8)).toEqual([2, 2, 1, 0])
    expect(warmups(1)).toEqual([0, 0, 0, 0])
  })

  test('starts anew with step 0 and refuses steps out of turn', () => {
    const guidance = createGuidance(spec('sld-max'), 3, 8, LATENT)
    const first = guidance.combine(predictionsAt(0), 0)
    guidance.combine(predictionsAt(1), 1)
    expect(guidance.combine(predictionsAt(0), 0)).toEqual(first)
    expect(() => guidance.combine(predictionsAt(1), 3)).toThrow('at step 1 of one batch and was given step 3')
  })

  test('lets a broken prediction through as broken', () => {
    const predictions = predictionsAt(0)
    predictions.safety[2] = NaN
    expect(createGuidance(spec('sld-strong'), 3, 8, LATENT).combine(predictions, 0)[2]).toSatisfy((x: number) =>
      Number.isFinite(x),
    )
    expect(createGuidance(spec('sld-max'), 3, 8, LATENT).combine(predictions, 0)[2]).toBeNaN()
  })
})

describe('SafeCtrl-style', () => {
  test.each(golden.safectrl)(
    'equals safe latent diffusion on the strongest quarter of the cells of $latent at every step',
    ({ latent, steps, paper }) => {
      const guidance = createGuidance(spec('safectrl'), golden.guidanceScale, steps, latent)
      for (let k = 0; k < steps; k += 1)
        expect(relativeGap(guidance.combine(predictionsAt(k), k), paper[k] ?? []), `step ${k}`).toBeLessThanOrEqual(
          golden.tolerance,
        )
    },
  )

  test.each(golden.regions)('half a cell is rounded to even: $share of ten', ({ inside, ...region }) => {
    const [concept, empty] = [golden.safety, golden.unconditional].map((rows) => Float32Array.from(rows.flat()))
    const taken = regionOf(concept!.subarray(0, 80), empty!.subarray(0, 80), region)
    expect([...taken]).toEqual(inside.flatMap((cells) => [...cells, ...cells]))
  })

  test('takes the strongest cells of each latent, at least one, and leaves the rest unsteered', () => {
    const region = { share: 0.01, channels: 2, height: 1, width: 3 }
    const empty = new Float32Array(12)
    const concept = Float32Array.of(0, 3, 4, 0, 4, 0, 1, 1, 1, 1, 1, 1)
    expect([...regionOf(concept, empty, region)]).toEqual([0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0])
    expect([...regionOf(concept, empty, { ...region, share: 1 })]).toEqual(Array(12).fill(1))
    const { unconditional, conditional, safety } = predictionsAt(0)
    const inside = regionOf(safety, unconditional, { ...LATENT, share: 0.25 })
    const guided = createGuidance(spec('safectrl'), 3, 8, LATENT).combine({ unconditional, conditional, safety }, 0)
    const plain = createGuidance(null, 3, 8, LATENT).combine({ unconditional, conditional }, 0)
    expect([...inside].reduce((sum, value) => sum + value, 0)).toBe(3)
    guided.forEach((value, i) => {
      if (!inside[i]) expect(value).toBeCloseTo(plain[i] ?? NaN, 5)
    })
  })

  test('keeps a broken prediction broken, and refuses values that are no latents', () => {
    const { unconditional, conditional, safety } = predictionsAt(0)
    safety[7] = NaN
    const guided = createGuidance(spec('safectrl'), 3, 8, LATENT).combine({ unconditional, conditional, safety }, 0)
    expect(guided[7]).toBeNaN()
    const wrong = { ...LATENT, width: 5 }
    expect(() =>
      createGuidance(spec('safectrl'), 3, 8, wrong).combine({ unconditional, conditional, safety }, 0),
    ).toThrow('12 values, which are no latents of 3 × 2 × 5')
  })
})

describe('classifier-free guidance and the negative prompt', () => {
  const { unconditional, conditional, safety } = predictionsAt(2)
  test('extrapolates from the empty prompt', () => {
    const guidance = createGuidance(null, 3, 8, LATENT)
    expect(guidance.conditions).toEqual(['unconditional', 'conditional'])
    const expected = [...conditional].map((c, i) => unconditional[i]! + 3 * (c - unconditional[i]!))
    expect(relativeGap(guidance.combine({ unconditional, conditional }, 0), expected)).toBeLessThan(1e-6)
    expect(createGuidance(spec('safree'), 3, 8, LATENT).combine({ unconditional, conditional }, 0)).toEqual(
      guidance.combine({ unconditional, conditional }, 0),
    )
  })

  test('extrapolates from the concept under a negative prompt', () => {
    const guidance = createGuidance(spec('negative-prompt'), 3, 8, LATENT)
    expect(guidance.conditions).toEqual(['safety', 'conditional'])
    const expected = [...conditional].map((c, i) => safety[i]! + 3 * (c - safety[i]!))
    expect(relativeGap(guidance.combine({ safety, conditional }, 0), expected)).toBeLessThan(1e-6)
  })

  test('runs the model once where guidance has no effect', () => {
    const guidance = createGuidance(null, 1, 8, LATENT)
    expect(guidance.conditions).toEqual(['conditional'])
    expect(guidance.combine({ conditional }, 0)).toEqual(conditional)
  })

  test('refuses an alignment without effect, a missing prediction and a scale that is no number', () => {
    expect(() => createGuidance(spec('negative-prompt'), 1, 8, LATENT)).toThrow('no effect at guidance scale 1')
    expect(() => createGuidance(spec('sld-weak'), 0, 8, LATENT)).toThrow('no effect at guidance scale 0')
    expect(() => createGuidance(null, NaN, 8, LATENT)).toThrow('no number')
    expect(() => createGuidance(null, 3, 8, LATENT).combine({ conditional }, 0)).toThrow(
      'needs the unconditional prediction',
    )
    expect(() =>
      createGuidance(null, 3, 8, LATENT).combine({ conditional, unconditional: conditional.slice(1) }, 0),
    ).toThrow('has 11 values')
  })
})

describe('SAFREE', () => {
  test.each(golden.safree)('$name: equals the paper’s equations', (c) => {
    const result = safreeEmbeds({
      d: c.d,
      alpha: c.alpha,
      tokenPositions: c.positions,
      promptEmbeds: Float32Array.from(c.promptEmbeds),
      maskedPromptEmbeds: Float32Array.from(c.maskedPromptEmbeds),
      conceptEmbeds: Float32Array.from(c.conceptEmbeds),
    })
    expect(result.triggers).toEqual(c.triggers)
    expect(relativeGap(result.promptEmbeds, c.expected)).toBeLessThanOrEqual(golden.tolerance)
  })

  test('leaves no trace of the concept in a trigger', () => {
    const concept = Float32Array.of(1, 0, 0, 0)
    const promptEmbeds = Float32Array.of(9, 9, 9, 9, 5, 1, 2, 0, 0, 3, 0, 1)
    // Masking the first token removes the concept, so that prompt lies far from it.
    const maskedPromptEmbeds = Float32Array.of(0, 1, 2, 1, 4, 0.1, 0, 0)
    const { promptEmbeds: projected, triggers } = safreeEmbeds({
      promptEmbeds,
      d: 4,
      tokenPositions: [1, 2],
      maskedPromptEmbeds,
      conceptEmbeds: concept,
    })
    expect(triggers).toEqual([true, false])
    expect(Math.abs(projected[4]!)).toBeLessThan(1e-6)
    expect([...projected.slice(0, 4), ...projected.slice(8)]).toEqual([
      ...promptEmbeds.slice(0, 4),
      ...promptEmbeds.slice(8),
    ])
  })

  test('refuses shapes that do not fit and broken numbers', () => {
    const base = {
      promptEmbeds: new Float32Array(8),
      d: 4,
      tokenPositions: [1],
      maskedPromptEmbeds: new Float32Array(4).fill(1),
      conceptEmbeds: new Float32Array(4).fill(1),
    }
    expect(() => safreeEmbeds({ ...base, tokenPositions: [2] })).toThrow('shapes do not fit')
    expect(() => safreeEmbeds({ ...base, conceptEmbeds: new Float32Array(0) })).toThrow('shapes do not fit')
    expect(() => safreeEmbeds({ ...base, promptEmbeds: new Float32Array(8).fill(NaN) })).toThrow('no number')
  })
})
