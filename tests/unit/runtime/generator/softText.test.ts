/** Which prompts go through the graph with the trained token, and what it is given. */
import { expect, test } from 'vitest'
import type { Values } from '../../../../src/runtime/generator/graph'
import { SoftText } from '../../../../src/runtime/generator/softText'
import type { Stage } from '../../../../src/runtime/generator/stage'
import type { TextEncoder } from '../../../../src/runtime/generator/text'

const TOKENS: Record<string, number[]> = { good: [0, 4, 1, 2], bad: [0, 5, 1, 2], worse: [0, 5, 6, 1] }
/** The plain encoder's answer: [4 tokens, width 1], the id of the token before the last one of the text in the last one's place. */
const hiddenOf = (said: string) =>
  Float32Array.of(9, 9, 9, 9).map((nine, i) => (i === own(said) - 1 ? word(said) : nine))
const own = (said: string) => TOKENS[said]!.indexOf(1) + 1
const word = (said: string) => TOKENS[said]![own(said) - 2]!
const cut: [string, number][] = []
const text = {
  shape: [4, 1],
  embed: (texts: readonly string[]) => Promise.resolve(texts.map(hiddenOf)),
  onTruncated: (said: string, tokens: number) => cut.push([said, tokens]),
  tokenizer: { encode: (said: string) => ({ ids: TOKENS[said]!, tokens: own(said), truncated: 0 }) },
} as unknown as TextEncoder

/** Forbidden from token 5 on, the more so the larger. */
const prompt = {
  tokens: 1,
  width: 1,
  gate: (pooled: Float32Array) => (pooled[0]! >= 5 ? pooled[0]! / 10 : 0.05),
  at: (gate: number) => (gate < 0.1 ? null : Float32Array.of(gate * 100)),
}

async function embedded(texts: readonly string[]) {
  cut.length = 0
  const runs: Record<string, Values>[] = []
  const graph = {
    run: (inputs: Record<string, Values>) => {
      runs.push(inputs)
      const [count = 0] = inputs['soft']!.dims
      return Promise.resolve({
        last_hidden_state: { dims: [count, 4, 1], data: Float32Array.from({ length: 4 * count }, (_, i) => -i) },
      })
    },
  }
  const stage = { graph: () => Promise.resolve(graph) } as unknown as Stage
  return { embeds: await new SoftText(prompt, stage).embed(text, texts), runs }
}

test('a prompt with a closed gate keeps its embeddings, and the graph with the token is not run', async () => {
  const { embeds, runs } = await embedded(['good', 'good'])
  expect(embeds).toEqual([hiddenOf('good'), hiddenOf('good')])
  expect(runs).toEqual([])
})

test('others are read behind g·p, each once, with the gate of their own pooled text', async () => {
  const { embeds, runs } = await embedded(['bad', 'good', 'worse', 'bad'])
  // With the token before it the longest prompt no longer fits, and that is said.
  expect(cut).toEqual([['worse', 1]])
  expect(runs).toEqual([
    {
      input_ids: { data: [0, 0, 5, 1, 0, 0, 5, 1], dims: [2, 4] },
      soft: { data: [50, 60].map((value) => Math.fround(value)), dims: [2, 1, 1] },
    },
  ])
  expect(embeds).toEqual([
    Float32Array.of(-0, -1, -2, -3),
    hiddenOf('good'),
    Float32Array.of(-4, -5, -6, -7),
    Float32Array.of(-0, -1, -2, -3),
  ])
})
