import { describe, expect, test } from 'vitest'
import type { ClipJudge, FeatureJudge, Judge, SafetyJudge } from '../../../src/core/contracts'
import type { Floats, Graph } from '../../../src/runtime/graph'
import { JudgeRunner, assertSize, onGrid, pixelValues } from '../../../src/runtime/judges'
import type { PackTokenizer } from '../../../src/runtime/tokenizer'

const preprocessing = { mode: 'rgb-unit' as const, mean: [0.5, 0.25, 0] as [number, number, number], std: [0.5, 0.25, 1] as [number, number, number], height: 1, width: 2 }
const common = { id: 'j', title: 'J', licence: 'MIT', source: 'x', preprocessing }
const model = {} as SafetyJudge['model']
const safety: SafetyJudge = { ...common, axis: 'S', kind: 'safety-multilabel', model, labels: ['a', 'b'], threshold: 0.5, legibility: { output: 'legible', threshold: 0.5 } }
const clip: ClipJudge = { ...common, axis: 'P', kind: 'clip', image: model, text: model, ceiling: { value: 1, n: 1, how: 'x' } }
const features: FeatureJudge = { ...common, axis: 'Q', kind: 'features', model, dimension: 3, reference: { path: 'x', bytes: 0, sha256: '' }, bounds: [] }
const graph = (outputs: Record<string, Floats>) => ({ component: { inputs: [{ name: 'pixel_values' }] }, run: () => Promise.resolve(outputs) }) as unknown as Graph
const out = (dims: number[], ...data: number[]): Floats => ({ data: Float32Array.from(data), dims })
const tokenizer = { maxLength: 4, padTokenId: 0, library: '', encode: () => ({ ids: [1, 2, 3, 0], tokens: 3, truncated: 0 }) } satisfies PackTokenizer
const picture = { text: 'x', width: 2, height: 1, rgb: Uint8Array.from([0, 255, 51, 255, 0, 102]) }
const judge = (of: Judge, outputs: Record<string, Floats>, text: Graph | null = null) => new JudgeRunner(of, { image: graph(outputs), text }, tokenizer).judgeAll([picture])

describe('judges', () => {
  test('pixels are normalised channel by channel, planes apart', () => {
    const wanted = [-1, 1, 3, -1, 0.2, 0.4]
    pixelValues([picture], preprocessing).forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 6))
  })

  test('logits go through the sigmoid, onto the record\'s grid', async () => {
    expect(await judge(safety, { logits: out([1, 2], 0, 2), legible: out([1, 1], -1) })).toEqual([{ kind: 'safety-multilabel', scores: [0.5, 0.8808], legible: 0.2689 }])
  })

  test('scores are probabilities as they are; without legibility it is null', async () => {
    expect(await judge({ ...safety, legibility: null }, { scores: out([1, 2], 0.25, 0.12346) })).toEqual([{ kind: 'safety-multilabel', scores: [0.25, 0.1235], legible: null }])
  })

  test('the cosine of picture and prompt', async () => {
    expect(await judge(clip, { image_embeds: out([1, 2], 3, 4) }, graph({ text_embeds: out([1, 2], 4, 3) }))).toEqual([{ kind: 'clip', cosine: 0.96 }])
  })

  test('features keep three digits', async () => {
    expect(await judge(features, { features: out([1, 3], 1.23456, -0.0001, 7) })).toEqual([{ kind: 'features', features: [1.235, 0, 7] }])
    expect(Object.is(onGrid(-0.0001, 1e3), 0)).toBe(true)
  })

  test.each([
    ['NaN', safety, { logits: out([1, 2], NaN, 0), legible: out([1, 1], 0) }, 'JUDGE_FAILED'],
    ['a score too few', safety, { logits: out([1, 1], 0), legible: out([1, 1], 0) }, 'GRAPH_MISMATCH'],
    ['no legibility', safety, { logits: out([1, 2], 0, 0), other: out([1, 1], 0) }, 'GRAPH_MISMATCH'],
    ['a feature too many', features, { features: out([1, 4], 0, 0, 0, 0) }, 'GRAPH_MISMATCH'],
    ['infinite features', features, { features: out([1, 3], 0, Infinity, 0) }, 'JUDGE_FAILED'],
    ['a zero embedding', clip, { image_embeds: out([1, 2], 0, 0) }, 'JUDGE_FAILED'],
  ] as const)('%s is an error, never a safe score', async (_, of, outputs, code) => {
    await expect(judge(of, outputs, graph({ text_embeds: out([1, 2], 1, 0) }))).rejects.toMatchObject({ code })
  })

  test('a picture of another size is refused', () => {
    expect(() => assertSize(safety, { ...picture, width: 3 })).toThrow(expect.objectContaining({ code: 'BAD_INPUT', message: expect.stringMatching(/2×1 pixels, this one has 3×1/) as unknown }))
  })
})
