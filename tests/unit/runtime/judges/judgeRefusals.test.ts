/** What a judge cannot answer is an error of its picture, and a graph that does not fit is refused: never safe. */
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { JudgeSchema } from '../../../../src/core/contracts'
import type { Graph } from '../../../../src/runtime/generator/graph'
import { assertPicture } from '../../../../src/runtime/judges/judgeInputs'
import { JudgeRunner } from '../../../../src/runtime/judges/judges'
import { safety, classifier, detector, clip, anyJudge, graph, out, picture, judge, detection } from './fixture'

describe('judges that cannot answer', () => {
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
