/** Prompts → embeddings (the text encoder's last hidden state), each distinct prompt encoded once. */
import type { EncodedText } from '../../core/alignment'
import { SpqrError } from '../../core/contracts'
import { fixedBatch, type Stage } from './stage'
import type { PackTokenizer } from './tokenizer'

/** Prompts encoded in one run. */
const TEXT_BATCH = 16
/** Numbers remembered, 64 MB: 2,700 prompts of the demo pack, 280 of Stable Diffusion 1.x. */
const REMEMBERED = 2 ** 24

export class TextEncoder {
  private readonly remembered = new Map<string, Float32Array>()
  /** [tokens, width] of one embedding; known after the first run. */
  shape: readonly [number, number] | null = null

  constructor(
    readonly stage: Stage,
    readonly tokenizer: PackTokenizer,
    private readonly onTruncated: (text: string, tokens: number) => void,
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
    const hidden = await this.stage.sure(
      async (graph) => {
        const outputs = await graph.run(inputs)
        return outputs['last_hidden_state'] ?? Object.values(outputs).find(({ dims }) => dims.length === 3)
      },
      (answer) => answer !== undefined && !answer.data.every(Number.isFinite),
    )
    if (!hidden || hidden.dims.length !== 3 || hidden.dims[0] !== rows.length) {
      throw new SpqrError(
        'GRAPH_MISMATCH',
        'The text encoder answers no last_hidden_state of shape [batch, tokens, width].',
        'Publish the pack with a text encoder in SD layout.',
      )
    }
    this.shape = [hidden.dims[1]!, hidden.dims[2]!]
    const size = this.shape[0] * this.shape[1]
    return rows.map((_, i) => hidden.data.slice(i * size, (i + 1) * size))
  }
}
