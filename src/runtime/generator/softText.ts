/** Prompts behind the trained tokens of a soft prompt: a second session on the text encoder's weights reads them. */
import { readSafetensors, type Adapter } from '../../core/adapters'
import { withPlaces, SoftPrompt } from '../../core/guidance'
import { SpqrError, type Component, type GraphPort } from '../../core/contracts'
import type { FileLoader } from '../storage/files'
import type { OnEvent } from '../events'
import { createGraph } from './createGraph'
import type { OrtRuntime } from '../ort'
import { Stage } from './stage'
import { TEXT_BATCH, hiddenStates, type TextEncoder } from './text'

export class SoftText {
  constructor(
    private readonly prompt: Pick<SoftPrompt, 'tokens' | 'width' | 'gate' | 'at'>,
    readonly stage: Stage,
  ) {}

  /**
   * One [tokens, width] array per text, in order. A prompt whose gate is closed keeps the embeddings of `text` to the bit.
   * @throws {SpqrError} PROMPT_TOO_LONG, GRAPH_MISMATCH
   */
  async embed(text: TextEncoder, texts: readonly string[]): Promise<Float32Array[]> {
    const distinct = [...new Set(texts)]
    const plain = await text.embed(distinct)
    const width = text.shape![1]
    const found = new Map<string, Float32Array>()
    const guarded: { prompt: string; ids: number[]; soft: Float32Array }[] = []
    distinct.forEach((prompt, i) => {
      const hidden = plain[i]!
      const { ids, tokens, truncated } = text.tokenizer.encode(prompt)
      const soft = this.prompt.at(this.prompt.gate(hidden.subarray((tokens - 1) * width, tokens * width)))
      found.set(prompt, hidden)
      if (!soft) return
      const cut = tokens + this.prompt.tokens - ids.length
      if (cut > 0) text.onTruncated(prompt, truncated + cut)
      guarded.push({ prompt, ids: withPlaces(ids, tokens, this.prompt.tokens), soft })
    })
    for (let start = 0; start < guarded.length; start += TEXT_BATCH) {
      const part = guarded.slice(start, start + TEXT_BATCH)
      const hidden = await this.#run(part)
      part.forEach(({ prompt }, i) => found.set(prompt, hidden[i]!))
    }
    return texts.map((prompt) => found.get(prompt)!)
  }

  release(): Promise<void> {
    return this.stage.release()
  }

  async #run(part: readonly { ids: number[]; soft: Float32Array }[]): Promise<Float32Array[]> {
    const { tokens, width } = this.prompt
    const graph = await this.stage.graph()
    const outputs = await graph.run({
      input_ids: { data: part.flatMap(({ ids }) => ids), dims: [part.length, part[0]!.ids.length] },
      soft: { data: part.flatMap(({ soft }) => [...soft]), dims: [part.length, tokens, width] },
    })
    return hiddenStates(outputs, part.length).rows
  }
}

/** What a second session on the text encoder is made with. */
export interface SoftTextOptions {
  runtime: OrtRuntime
  files: FileLoader
  onEvent: OnEvent
  /** Those that change the text encoder. */
  adapters: readonly Adapter[]
  /** Of the preparing under way; what is loaded again later is not stopped by it. */
  signal: () => AbortSignal | undefined
}

/**
 * @param bytes the file of the soft prompt
 * @throws {SpqrError} WEIGHTS_INVALID where it belongs to another model than the pack `id`
 */
export function createSoftText(
  bytes: Uint8Array,
  { id, textEncoder }: { id: string; textEncoder: Component },
  { runtime, files, onEvent, adapters, signal }: SoftTextOptions,
): SoftText {
  const prompt = SoftPrompt.read(readSafetensors(bytes), { id, textEncoder: textEncoder.weights.sha256 })
  const soft: GraphPort = { name: 'soft', dtype: 'float32', dims: ['batch', prompt.tokens, prompt.width] }
  const [, tokens] = textEncoder.inputs[0]?.dims ?? []
  if (typeof tokens === 'number' && prompt.tokens > tokens - 2)
    throw new SpqrError(
      'WEIGHTS_INVALID',
      `The soft prompt has ${prompt.tokens} tokens, and a prompt of "${id}" at most ${tokens}.`,
      'Publish the pack again.',
    )
  const component = { ...textEncoder, inputs: [...textEncoder.inputs, soft] }
  const create = () =>
    createGraph(runtime, files, 'guarded text encoder', component, adapters, onEvent, signal(), {
      ...{ instead: prompt.graph, keep: adapters.length > 0 },
    })
  return new SoftText(prompt, new Stage({ component, create }))
}
