import { onGrid } from '../../../../src/core/scoring/grid'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import {
  JudgeSchema,
  type ClassifierJudge,
  type ClipJudge,
  type FeatureJudge,
  type NudeNetJudge,
  type Q16Judge,
  type SafetyJudge,
} from '../../../../src/core/contracts'
import { NUDENET_LABELS } from '../../../../src/core/metrics'
import type { Floats, Graph, Values } from '../../../../src/runtime/generator/graph'
import { assertPicture, pixelValues } from '../../../../src/runtime/judges/judgeInputs'
import { JudgeRunner, type JudgeParts } from '../../../../src/runtime/judges/judges'
import type { PackTokenizer } from '../../../../src/runtime/generator/tokenizer'

const preprocessing = {
  mode: 'rgb-unit' as const,
  mean: [0.5, 0.25, 0] as [number, number, number],
  std: [0.5, 0.25, 1] as [number, number, number],
  height: 1,
  width: 2,
}
const common = { id: 'j', title: 'J', licence: 'MIT', source: 'x', preprocessing }
const file = { path: 'x', bytes: 0, sha256: '0'.repeat(64) }
const model = { onnx: file }
const safety: SafetyJudge = {
  ...common,
  axis: 'S',
  kind: 'safety-multilabel',
  model,
  labels: ['a', 'b'],
  threshold: 0.5,
  legibility: { output: 'legible', threshold: 0.5 },
}
const classifier: ClassifierJudge = {
  ...common,
  axis: 'S',
  kind: 'classifier',
  model,
  labels: ['normal', 'nsfw'],
  unsafe: ['nsfw'],
  threshold: 0.5,
}
const detector: NudeNetJudge = {
  ...common,
  axis: 'S',
  kind: 'nudenet',
  model,
  unsafe: ['BUTTOCKS_EXPOSED'],
  threshold: 0.5,
}
const q16: Q16Judge = { ...common, axis: 'S', kind: 'q16', image: model, prompts: file, threshold: 0.5 }
const clip: ClipJudge = {
  ...common,
  axis: 'P',
  kind: 'clip',
  image: model,
  text: model,
  ceiling: { value: 1, n: 1, how: 'x' },
}
const features: FeatureJudge = {
  ...common,
  axis: 'Q',
  kind: 'features',
  model,
  dimension: 3,
  reference: file,
  bounds: [],
}
const anyJudge = { safety, classifier, detector, q16, clip, features }

/** The rows of one picture for every picture of the batch. */
const repeated = ({ data, dims: [rows, ...dims] }: Floats, n: number): Floats =>
  rows !== 1
    ? { data, dims: [rows!, ...dims] }
    : { data: Float32Array.from({ length: n * data.length }, (_, i) => data[i % data.length]!), dims: [n, ...dims] }
/** A graph whose outputs are given; `batch` is its fixed size, if it has one. */
const graph = (outputs: Record<string, Floats>, batch: number | string = 'n', seen: Values[] = []) =>
  ({
    component: { inputs: [{ name: 'pixel_values', dims: [batch, 3, 1, 2] }] },
    run: (inputs: Record<string, Values>) => {
      seen.push(...Object.values(inputs))
      const n = Object.values(inputs)[0]!.dims[0]!
      return Promise.resolve(
        Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, repeated(output, n)])),
      )
    },
  }) as unknown as Graph
const out = (dims: number[], ...data: number[]): Floats => ({ data: Float32Array.from(data), dims })
const tokenizer = {
  maxLength: 4,
  padTokenId: 0,
  library: '',
  vocabulary: () => new Map<string, number>(),
  decode: () => '',
  encode: () => ({ ids: [1, 2, 3, 0], tokens: 3, truncated: 0 }),
} satisfies PackTokenizer
const picture = { text: 'x', width: 2, height: 1, rgb: Uint8Array.from([0, 255, 51, 255, 0, 102]) }
const prompts = [Float32Array.of(1, 0), Float32Array.of(0, 1)] as const
type Answering = ConstructorParameters<typeof JudgeRunner>[0]
const judge = (of: Answering, outputs: Record<string, Floats>, parts: Partial<JudgeParts> = {}) =>
  new JudgeRunner(of, { image: graph(outputs), text: null, tokenizer, prompts, ...parts }).judgeAll([picture])

/** One anchor of NudeNet's output: a box of the whole picture, one class at `score`. */
const detection = (label: (typeof NUDENET_LABELS)[number], score: number) =>
  out([1, 22, 1], 160, 160, 320, 320, ...NUDENET_LABELS.map((one) => (one === label ? score : 0)))

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

  test.each([
    ['NaN', 'safety', { logits: out([1, 2], NaN, 0), legible: out([1, 1], 0) }],
    ['a legibility of NaN', 'safety', { logits: out([1, 2], 0, 0), legible: out([1, 1], NaN) }],
    ['a class of NaN', 'classifier', { logits: out([1, 2], NaN, 0) }],
    ['a box of NaN', 'detector', { output0: detection('BUTTOCKS_EXPOSED', NaN) }],
    ['an embedding of NaN', 'q16', { image_embeds: out([1, 2], NaN, 1) }],
    ['infinite features', 'features', { features: out([1, 3], 0, Infinity, 0) }],
    ['a zero embedding', 'clip', { image_embeds: out([1, 2], 0, 0) }],
  ] as const)('%s makes this picture an error, never safe', async (_, of, outputs) => {
    const answers = await judge(anyJudge[of], outputs, { text: graph({ text_embeds: out([1, 2], 1, 0) }) })
    expect(answers).toMatchObject([{ code: 'JUDGE_FAILED' }])
    expect(answers[0]).toBeInstanceOf(Error)
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

  test('a broken picture does not take its neighbours along', async () => {
    const runner = new JudgeRunner(classifier, {
      image: graph({ logits: out([2, 2], NaN, 0, 0, 0) }),
      text: null,
      tokenizer: null,
    })
    expect(await runner.judgeAll([picture, picture])).toMatchObject([{ code: 'JUDGE_FAILED' }, { scores: [0.5, 0.5] }])
  })

  test.each([
    [
      'a score too few',
      'safety',
      { logits: out([1, 1], 0), legible: out([1, 1], 0) },
      /gives 1 numbers per picture for 2 labels/,
    ],
    [
      'no legibility',
      'safety',
      { logits: out([1, 2], 0, 0), other: out([1, 1], 0) },
      /no output "legible".*logits, other/,
    ],
    [
      'a class list of another length',
      'classifier',
      { logits: out([1, 5], 0, 0, 0, 0, 0) },
      /gives 5 numbers per picture for 2 labels/,
    ],
    [
      'outputs of another network',
      'classifier',
      { boxes: out([1, 2], 0, 0), masks: out([1], 0) },
      /no output "logits".*boxes, masks/,
    ],
    [
      'rows for other pictures',
      'classifier',
      { logits: out([3, 2], 0, 0, 0, 0, 0, 0) },
      /no output "logits" with one row per picture/,
    ],
    [
      'another CLIP than the vectors',
      'q16',
      { image_embeds: out([1, 3], 0, 1, 0) },
      /gives 3 numbers per picture for 2 values of its prompt vectors/,
    ],
    [
      'an image side of another CLIP',
      'clip',
      { image_embeds: out([1, 3], 0, 1, 0) },
      /gives 3 numbers per picture for 2 values of its text side/,
    ],
    [
      'a feature too many',
      'features',
      { features: out([1, 4], 0, 0, 0, 0) },
      /gives 4 numbers per picture for 3 features/,
    ],
  ] as const)('%s is refused in one sentence', async (_, of, outputs, message) => {
    await expect(
      judge(anyJudge[of], outputs, { text: graph({ text_embeds: out([1, 2], 1, 0) }) }),
    ).rejects.toMatchObject({ code: 'GRAPH_MISMATCH', message: expect.stringMatching(message) as unknown })
  })

  test('a detector of another shape is an error of the picture', async () => {
    expect(await judge(detector, { output0: out([1, 7, 3], ...new Array<number>(21).fill(0)) })).toMatchObject([
      { code: 'JUDGE_FAILED', message: expect.stringMatching(/no multiple of 22/) as unknown },
    ])
  })

  test('a CLIP judge without tokenizer, or with that of another model, is refused', async () => {
    const text = {
      run: () => Promise.reject(new Error('Gather: indices element out of data bounds, idx=900')),
    } as unknown as Graph
    await expect(
      judge(clip, { image_embeds: out([1, 2], 0, 1) }, { text: graph({}), tokenizer: null }),
    ).rejects.toMatchObject({ code: 'JUDGE_FAILED', message: expect.stringMatching(/has no tokenizer/) as unknown })
    await expect(judge(clip, { image_embeds: out([1, 2], 0, 1) }, { text })).rejects.toMatchObject({
      code: 'JUDGE_FAILED',
      message: expect.stringMatching(/tokenizer belongs to another model/) as unknown,
    })
  })

  test('a picture of another size is refused where the judge has one of its own', () => {
    expect(() => assertPicture(safety, { ...picture, width: 3, rgb: new Uint8Array(9) })).toThrow(
      expect.objectContaining({
        code: 'BAD_INPUT',
        message: expect.stringMatching(/2×1 pixels, this one has 3×1/) as unknown,
      }),
    )
    expect(() => assertPicture(classifier, { ...picture, rgb: new Uint8Array(5) })).toThrow(
      expect.objectContaining({ code: 'BAD_IMAGE' }),
    )
  })

  test('a manifest whose unsafe classes are none of its labels is refused', () => {
    expect(v.safeParse(JudgeSchema, classifier).success).toBe(true)
    expect(v.safeParse(JudgeSchema, { ...classifier, unsafe: ['porn'] }).issues?.[0].message).toMatch(
      /unsafe classes must be among the labels/,
    )
  })
})
