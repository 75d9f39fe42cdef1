/** Prompts → embeddings (the text encoder's last hidden state), each distinct prompt encoded once. */
import type { EncodedText } from '../../core/alignment'
import { SpqrError } from '../../core/contracts'
import type { Floats } from './graph'
import { fixedBatch, type Stage } from './stage'
import type { PackTokenizer } from './tokenizer'

/** Prompts encoded in one run. */
export const TEXT_BATCH = 16
/** Numbers remembered, 64 MB: 2,700 prompts of the demo pack, 280 of Stable Diffusion 1.x. */
const REMEMBERED = 2 ** 24

export class TextEncoder {
  private readonly remembered = new Map<string, Float32Array>()
  /** [tokens, width] of one embedding; known after the first run. */
  shape: readonly [number, number] | null = null

  constructor(
    readonly stage: Stage,
    readonly tokenizer: PackTokenizer,
    readonly onTruncated: (text: string, tokens: number) => void,
  ) {}

  /** As `embed`, with the number of tokens that are the text's own: what closed-form alignment needs. */
  async encodeTexts(texts: readonly string[]): Promise<EncodedText[]> {
    const hidden = await this.embed(texts)
    return texts.map((text, i) => ({ hidden: hidden[i]!, tokens: this.tokenizer.encode(text).tokens }))
  }

  release(): Promise<void> {
    return this.stage.release()
  }

  /** One [tokens, width] array per text, in order. Throws PROMPT_TOO_LONG. */
  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    const fresh = [...new Set(texts)].filter((text) => !this.remembered.has(text))
    const found = new Map(
      texts.flatMap((text) => {
        const known = this.remembered.get(text)
        return known ? [[text, known] as const] : []
      }),
    )
    const embeds = await this.encodeIds(
      fresh.map((text) => {
        const encoded = this.tokenizer.encode(text)
        if (encoded.truncated > 0) this.onTruncated(text, encoded.truncated)
        return encoded.ids
      }),
    )
    fresh.forEach((text, i) => {
      found.set(text, embeds[i]!)
      if ((this.remembered.size + 1) * embeds[i]!.length <= REMEMBERED) this.remembered.set(text, embeds[i]!)
    })
    return texts.map((text) => found.get(text)!)
  }

  /** Hidden states of rows of token ids, each `maxLength` long, without remembering them. */
  async encodeIds(rows: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const hidden: Float32Array[] = []
    const fixed = fixedBatch(this.stage.ports.inputs[0]?.dims)
    const most = fixed ?? TEXT_BATCH
    for (let start = 0; start < rows.length; start += most) {
      const part = rows.slice(start, start + most)
      // A graph of fixed batch is filled up with copies of the last row.
      const filled =
        fixed === null ? part : Array.from({ length: fixed }, (_, i) => part[Math.min(i, part.length - 1)]!)
      hidden.push(...(await this.run(filled)).slice(0, part.length))
    }
    return hidden
  }

  private async run(rows: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const inputs = { input_ids: { data: rows.flat(), dims: [rows.length, this.tokenizer.maxLength] } }
    const outputs = await this.stage.sure(
      (graph) => graph.run(inputs),
      (answer) => hiddenOf(answer)?.data.every(Number.isFinite) === false,
    )
    const { shape, rows: hidden } = hiddenStates(outputs, rows.length)
    this.shape = shape
    return hidden
  }
}

const hiddenOf = (outputs: Record<string, Floats>): Floats | undefined =>
  outputs['last_hidden_state'] ?? Object.values(outputs).find(({ dims }) => dims.length === 3)

/** A text encoder's answer to `count` prompts, prompt by prompt. @throws {SpqrError} GRAPH_MISMATCH */
export function hiddenStates(
  outputs: Record<string, Floats>,
  count: number,
): { shape: readonly [tokens: number, width: number]; rows: Float32Array[] } {
  const hidden = hiddenOf(outputs)
  if (!hidden || hidden.dims.length !== 3 || hidden.dims[0] !== count) {
    throw new SpqrError(
      'GRAPH_MISMATCH',
      'The text encoder answers no last_hidden_state of shape [batch, tokens, width].',
      'Publish the pack with a text encoder in SD layout.',
    )
  }
  const shape = [hidden.dims[1]!, hidden.dims[2]!] as const
  const size = shape[0] * shape[1]
  return { shape, rows: Array.from({ length: count }, (_, i) => hidden.data.slice(i * size, (i + 1) * size)) }
}
