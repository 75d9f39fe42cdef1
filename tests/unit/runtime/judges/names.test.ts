/** Zero-shot: the place of a neighbour's own name among all names, by hand-made embeddings. */
import { expect, test } from 'vitest'
import type { Judge } from '../../../../src/core/contracts'
import type { Graph, Values } from '../../../../src/runtime/generator/graph'
import type { PackTokenizer } from '../../../../src/runtime/generator/tokenizer'
import { JudgeRunner, type JudgeParts } from '../../../../src/runtime/judges/judges'

/** Forty names; name `k` points along an angle of k degrees, and a picture whose red is k a quarter of one further. */
const NAMES = Array.from({ length: 40 }, (_, k) => `name ${k}`)
const along = (degrees: number) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
const rowsOf = (name: string, degrees: number[]) =>
  Promise.resolve({ [name]: { data: Float32Array.from(degrees.flatMap(along)), dims: [degrees.length, 2] } })

const tokenizer = {
  maxLength: 1,
  encode: (text: string) => ({ ids: [Number(text.replace(/\D/g, ''))], tokens: 1, truncated: 0 }),
} as unknown as PackTokenizer
const asked: number[] = []
const text = {
  run: (inputs: Record<string, Values>) => {
    const ids = Array.from(inputs['input_ids']?.data ?? [], Number)
    asked.push(ids.length)
    return rowsOf('text_embeds', ids)
  },
} as unknown as Graph
const image = {
  component: { inputs: [{ name: 'pixel_values', dims: ['batch', 3, 1, 1] }] },
  run: (inputs: Record<string, Values>) => {
    const { data, dims } = inputs['pixel_values']!
    // Planes of one pixel: red, green, blue.
    return rowsOf(
      'image_embeds',
      Array.from({ length: dims[0]! }, (_, i) => 0.25 + Math.round(Number(data[3 * i]) * 255)),
    )
  },
} as unknown as Graph
const judge = {
  ...{ id: 'clip', kind: 'clip', axis: 'P' },
  preprocessing: { mode: 'rgb-unit', mean: [0, 0, 0], std: [1, 1, 1], height: 1, width: 1 },
} as unknown as Exclude<Judge, { kind: 'vision-language' }>
const parts: JudgeParts = { image, text, tokenizer }

test('counts the names that are nearer than its own; prompts without names have no rank', async () => {
  const runner = new JudgeRunner(judge, parts)
  const picture = (red: number, own?: number) => ({
    ...{ text: 'name 3', width: 1, height: 1, rgb: Uint8Array.of(red, 0, 0) },
    ...(own === undefined ? {} : { named: { own: `name ${own}`, names: NAMES } }),
  })
  const answers = await runner.judgeAll([picture(7, 7), picture(7, 9), picture(20, 39), picture(7)])
  // Nearer to 7.25 than 9 are 6, 7 and 8; nearer to 20.25 than 39 are all from 2 to 38.
  expect(answers).toMatchObject([{ rank: 1 }, { rank: 4 }, { rank: 38 }, { kind: 'clip' }])
  expect(answers[3]).not.toHaveProperty('rank')
  // All names were embedded once, a part at a time.
  expect(Math.max(...asked)).toBeLessThanOrEqual(32)
  // A name that only another picture of the batch is told by moves no rank.
  const few = { ...picture(7), named: { own: 'name 9', names: ['name 9', 'name 30'] } }
  expect(await runner.judgeAll([few, picture(7, 9)])).toMatchObject([{ rank: 1 }, { rank: 4 }])
  asked.length = 0
  await runner.judgeAll([picture(1, 1), picture(2, 2)])
  expect(asked).toEqual([])
})
