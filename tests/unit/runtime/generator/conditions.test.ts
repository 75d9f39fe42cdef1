import { describe, expect, test } from 'vitest'
import type { InferenceAlignment, ModelComponent } from '../../../../src/core/contracts'
import { createGuidance } from '../../../../src/core/guidance'
import { conditionEmbeds } from '../../../../src/runtime/generator/conditions'
import type { Graph, Values } from '../../../../src/runtime/generator/graph'
import { Stage } from '../../../../src/runtime/generator/stage'
import { TextEncoder as PromptEncoder } from '../../../../src/runtime/generator/text'
import type { PackTokenizer } from '../../../../src/runtime/generator/tokenizer'

const LENGTH = 5
const LATENT = { channels: 1, height: 1, width: 1 }
const [START, END, PAD] = [100, 101, 102]
/** One token a character, START … END, padded. */
const tokenizer: PackTokenizer = {
  maxLength: LENGTH,
  padTokenId: PAD,
  library: '',
  vocabulary: () => new Map(),
  decode: () => '',
  encode(text) {
    const ids = [START, ...[...text].map((c) => c.charCodeAt(0) % 50), END]
    const fitted = ids.length > LENGTH ? [...ids.slice(0, LENGTH - 1), END] : ids
    return {
      ids: [...fitted, ...Array.from({ length: LENGTH - fitted.length }, () => PAD)],
      tokens: fitted.length,
      truncated: ids.length - fitted.length,
    }
  },
}
/** A causal encoder of width 3: what a position sees depends on everything before it. */
class FakeTextGraph {
  rows = 0
  run(inputs: Record<string, Values>) {
    const { data, dims } = inputs['input_ids']!
    this.rows += dims[0]!
    const hidden = new Float32Array(data.length * 3)
    for (let i = 0, seen = 0; i < data.length; i++) {
      seen = i % LENGTH === 0 ? data[i]! : seen * 0.7 + data[i]!
      hidden.set([Math.sin(seen), Math.cos(seen), Math.sin(2 * seen + 1)], 3 * i)
    }
    return Promise.resolve({ last_hidden_state: { data: hidden, dims: [dims[0]!, LENGTH, 3] } })
  }
}
const inference = (method: InferenceAlignment['method'], concepts = ['ab', 'c']): InferenceAlignment => ({
  kind: 'inference',
  method,
  concepts,
})

async function embeds(spec: InferenceAlignment | null, texts: string[]) {
  const graph = new FakeTextGraph()
  const stage = new Stage({
    component: { inputs: [], outputs: [] } as unknown as ModelComponent,
    create: () => Promise.resolve(graph as unknown as Graph),
  })
  const truncated: string[] = []
  const encoder = new PromptEncoder(stage, tokenizer, (text) => truncated.push(text))
  const { arrays, shape } = await conditionEmbeds(encoder, createGuidance(spec, 3, 8, LATENT).conditions, texts, spec)
  return { arrays, shape, encoder, graph, truncated }
}

describe('embeddings behind the guidance conditions', () => {
  test('plain guidance: the empty prompt, then the prompts; each distinct text is encoded once', async () => {
    const { arrays, shape, encoder, graph } = await embeds(null, ['x', 'y', 'x'])
    expect(shape).toEqual([LENGTH, 3])
    expect(graph.rows).toBe(3)
    const [empty, x, y] = await encoder.embed(['', 'x', 'y'])
    expect(arrays).toEqual([empty, empty, empty, x, y, x])
    expect(graph.rows).toBe(3)
  })

  test('a negative prompt takes the place of the empty one', async () => {
    const { arrays, encoder } = await embeds(inference('negative-prompt'), ['x'])
    expect(arrays).toEqual(await encoder.embed(['ab, c', 'x']))
  })

  test('SLD adds the concept as a condition of its own', async () => {
    const { arrays, encoder } = await embeds(inference('sld-strong'), ['x'])
    const byText = await encoder.embed(['', 'x', 'ab, c'])
    const order = createGuidance(inference('sld-strong'), 3, 8, LATENT).conditions
    expect(arrays).toEqual(
      order.map((condition) => byText[['unconditional', 'conditional', 'safety'].indexOf(condition)]),
    )
  })

  test('SAFREE changes tokens of the prompt only: start, end and padding stay, the empty prompt too', async () => {
    const { arrays, encoder } = await embeds(inference('safree', ['a']), ['a', ''])
    const [empty, plain] = await encoder.embed(['', 'a'])
    expect(arrays.slice(0, 2)).toEqual([empty, empty])
    const changed = Array.from({ length: LENGTH }, (_, i) =>
      arrays[2]!.slice(3 * i, 3 * i + 3).some((value, k) => value !== plain![3 * i + k]),
    )
    expect(changed).toEqual([false, true, false, false, false])
    expect(arrays[3]).toEqual(empty)
  })

  test('a long prompt is reported', async () => {
    expect((await embeds(null, ['abcdefgh'])).truncated).toEqual(['abcdefgh'])
  })

  test('no concept to avoid is an error', async () => {
    await expect(embeds(inference('sld-weak', [' ']), ['x'])).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })
})
