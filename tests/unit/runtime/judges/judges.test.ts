import { describe, expect, test } from 'vitest'
import type { ClassifierJudge } from '../../../../src/core/contracts'
import { NUDENET_LABELS } from '../../../../src/core/metrics'
import { onGrid } from '../../../../src/core/scoring/grid'
import type { Graph, Values } from '../../../../src/runtime/generator/graph'
import { assertPicture, pixelValues } from '../../../../src/runtime/judges/judgeInputs'
import { JudgeRunner } from '../../../../src/runtime/judges/judges'
import {
  preprocessing,
  safety,
  classifier,
  detector,
  q16,
  clip,
  features,
  graph,
  out,
  picture,
  judge,
  detection,
} from './fixture'

describe('judges', () => {
  test('pixels are normalised channel by channel, planes apart', () => {
    const wanted = [-1, 1, 3, -1, 0.2, 0.4]
    const { data, dims } = pixelValues([picture], preprocessing)
    expect(dims).toEqual([1, 3, 1, 2])
    data.forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 6))
  })

  test.each([
    [{ mode: 'clip', size: 8 }, 8],
    [{ mode: 'vit', size: 6 }, 6],
    [{ mode: 'siglip', size: 10 }, 10],
    [{ mode: 'clean-fid' }, 299],
    [{ mode: 'torch-fidelity' }, 299],
    [{ mode: 'nudenet' }, 320],
  ] as const)('pictures of any size reach the network in its own: %o', (mode, side) => {
    const pictures = [
      { ...picture, width: 5, height: 4, rgb: new Uint8Array(60).fill(9) },
      { ...picture, width: 3, height: 7, rgb: new Uint8Array(63).fill(200) },
    ]
    const { data, dims } = pixelValues(pictures, mode)
    expect(dims).toEqual([2, 3, side, side])
    expect(data).toHaveLength(2 * 3 * side * side)
    expect(data.every(Number.isFinite)).toBe(true)
    // An even picture stays even, and the second picture is where it belongs.
    if (mode.mode !== 'nudenet') expect(new Set(data.subarray(0, side)).size).toBe(1)
    expect(data[0]).not.toBe(data[3 * side * side])
    pictures.forEach((one) => expect(() => assertPicture({ ...clip, preprocessing: mode }, one)).not.toThrow())
  })

  test("logits go through the sigmoid, onto the record's grid", async () => {
    expect(await judge(safety, { logits: out([1, 2], 0, 2), legible: out([1, 1], -1) })).toEqual([
      { kind: 'safety-multilabel', scores: [0.5, 0.8808], legible: 0.2689 },
    ])
  })

  test('scores are probabilities as they are; without legibility it is null', async () => {
    expect(await judge({ ...safety, legibility: null }, { scores: out([1, 2], 0.25, 0.12346) })).toEqual([
      { kind: 'safety-multilabel', scores: [0.25, 0.1235], legible: null },
    ])
  })

  test('a classifier gives the softmax over its classes, stable for large logits', async () => {
    expect(await judge(classifier, { logits: out([1, 2], 1000, 1001) })).toEqual([
      { kind: 'safety-multilabel', scores: [0.2689, 0.7311], legible: null },
    ])
  })

  test('NudeNet gives the best detection of each of its 18 classes', async () => {
    const [answer] = await judge(detector, { output0: detection('BUTTOCKS_EXPOSED', 0.6) })
    expect(answer).toMatchObject({ scores: NUDENET_LABELS.map((label) => (label === 'BUTTOCKS_EXPOSED' ? 0.6 : 0)) })
  })

  test('Q16 is the softmax of 100 times the cosine to two vectors', async () => {
    expect(await judge(q16, { image_embeds: out([1, 2], 1, 1.02), last_hidden_state: out([1, 1], 0) })).toEqual([
      {
        kind: 'safety-multilabel',
        scores: [onGrid(1 / (1 + Math.exp((100 * (1 - 1.02)) / Math.hypot(1, 1.02))), 1e4)],
        legible: null,
      },
    ])
  })

  test("the cosine of picture and prompt, with the mask of the text's own tokens", async () => {
    const seen: Values[] = []
    const text = {
      run: (inputs: Record<string, Values>) => {
        seen.push(inputs.attention_mask!)
        return Promise.resolve({ text_embeds: out([2, 2], 4, 3, 4, 3) })
      },
    } as unknown as Graph
    expect(await judge(clip, { image_embeds: out([1, 2], 3, 4) }, { text })).toEqual([{ kind: 'clip', cosine: 0.96 }])
    expect(seen).toEqual([{ data: [1, 1, 1, 0, 1, 1, 1, 0], dims: [2, 4] }])
  })

  test('a picture alone goes in a batch of two, where it adds up as it does beside others', async () => {
    const seen: Values[] = []
    const runner = new JudgeRunner(features, {
      image: graph({ features: out([1, 3], 1, 2, 3) }, 'n', seen),
      text: null,
      tokenizer: null,
    })
    expect(await runner.judgeAll([picture])).toHaveLength(1)
    expect(seen.map(({ dims }) => dims)).toEqual([[2, 3, 1, 2]])
  })

  test('features keep three digits', async () => {
    expect(await judge(features, { features: out([1, 3], 1.23456, -0.0001, 7) })).toEqual([
      { kind: 'features', features: [1.235, 0, 7] },
    ])
    expect(Object.is(onGrid(-0.0001, 1e3), 0)).toBe(true)
  })

  test('a graph of fixed batch size sees every picture and answers for each once', async () => {
    const seen: Values[] = []
    const runner = new JudgeRunner(features, {
      image: graph({ features: out([2, 3], 1, 2, 3, 4, 5, 6) }, 2, seen),
      text: null,
      tokenizer: null,
    })
    const answers = await runner.judgeAll([picture, picture, { ...picture, rgb: new Uint8Array(6) }])
    expect(answers.map((answer) => 'features' in answer && answer.features)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
      [1, 2, 3],
    ])
    expect(seen.map(({ dims }) => dims)).toEqual([
      [2, 3, 1, 2],
      [2, 3, 1, 2],
    ])
  })

  test('a graph that ends in Softmax is taken at its word', async () => {
    const ended: ClassifierJudge = { ...classifier, output: 'probabilities' }
    expect(await judge(ended, { probabilities: out([1, 2], 0.25, 0.75) })).toMatchObject([{ scores: [0.25, 0.75] }])
    await expect(judge(ended, { probabilities: out([1, 2], 2, 3) })).rejects.toMatchObject({
      code: 'GRAPH_MISMATCH',
      message: expect.stringMatching(/do not add up to 1/) as string,
    })
    await expect(judge(classifier, { logits: out([1, 2], 0.25, 0.75) })).rejects.toMatchObject({
      code: 'GRAPH_MISMATCH',
      message: expect.stringMatching(/are probabilities already/) as string,
    })
  })

  test('a graph in the order of TensorFlow is given pixels in that order', () => {
    const two = { width: 2, height: 1, rgb: Uint8Array.of(255, 0, 51, 0, 255, 102) }
    const { data, dims } = pixelValues([two], { mode: 'nsfwjs', size: 2 }, 'nhwc')
    expect(dims).toEqual([1, 2, 2, 3])
    expect([...data.slice(0, 6)].map((x) => Math.round(x * 255))).toEqual([255, 0, 51, 0, 255, 102])
    expect(pixelValues([two], { mode: 'nsfwjs', size: 2 }).dims).toEqual([1, 3, 2, 2])
  })
})
