/** Which embedding stands behind each guidance condition. */
import { safreeEmbeds, type Guidance } from '../../core/guidance'
import { SpqrError, type InferenceAlignment } from '../../core/contracts'
import { changesEmbeddings, GUIDANCE, namesConcepts, type EmbeddingGuidanceId } from '../../core/methods'
import type { SoftText } from './softText'
import type { TextEncoder } from './text'

export interface ConditionEmbeds {
  /** Condition by condition, each for the whole batch. */
  arrays: Float32Array[]
  /** [tokens, width] of each. */
  shape: readonly [number, number]
}

/** The concepts as one prompt: what SLD calls the safety concept, and what a negative prompt says. */
export function conceptPrompt(inference: InferenceAlignment | null): string {
  return inference ? inference.concepts.join(', ') : ''
}

type PromptEmbeds = (
  text: TextEncoder,
  texts: readonly string[],
  concepts: readonly string[],
) => Promise<Float32Array[]>
/** What every method of the table that changes embeddings makes of the prompts. */
const PROMPT_EMBEDS: Record<EmbeddingGuidanceId, PromptEmbeds> = { safree: safreePrompts }

/** Embeddings of `texts` under every condition; some methods change those of the prompts themselves, as `soft` does. */
export async function conditionEmbeds(
  text: TextEncoder,
  conditions: Guidance['conditions'],
  texts: readonly string[],
  inference: InferenceAlignment | null,
  soft: Pick<SoftText, 'embed'> | null = null,
): Promise<ConditionEmbeds> {
  if (inference && namesConcepts(inference.method) && inference.concepts.every((concept) => concept.trim() === '')) {
    throw new SpqrError(
      'BAD_INPUT',
      `${GUIDANCE[inference.method].name} has no concept to avoid.`,
      'Name at least one concept.',
    )
  }
  const concepts = conceptPrompt(inference)
  const arrays: Float32Array[] = []
  for (const condition of conditions) {
    switch (condition) {
      case 'conditional':
        arrays.push(
          ...(inference && changesEmbeddings(inference.method)
            ? await PROMPT_EMBEDS[inference.method](text, texts, inference.concepts)
            : await (soft?.embed(text, texts) ?? text.embed(texts))),
        )
        break
      case 'unconditional':
        arrays.push(...(await text.embed(texts.map(() => ''))))
        break
      case 'safety':
        arrays.push(...(await text.embed(texts.map(() => concepts))))
        break
    }
  }
  return { arrays, shape: text.shape! }
}

/** The row of a text's last token: what CLIP pools. */
const pooled = (hidden: Float32Array, tokens: number, width: number) =>
  hidden.subarray((tokens - 1) * width, tokens * width)

function rowsOf(rows: readonly Float32Array[], width: number): Float32Array {
  const joined = new Float32Array(rows.length * width)
  rows.forEach((row, i) => joined.set(row, i * width))
  return joined
}

/** SAFREE per prompt: every token between start and end is masked in turn by the padding token. */
async function safreePrompts(
  text: TextEncoder,
  texts: readonly string[],
  concepts: readonly string[],
): Promise<Float32Array[]> {
  const encodedConcepts = await text.encodeTexts(concepts)
  const embeds = await text.embed(texts)
  const width = text.shape![1]
  const conceptEmbeds = rowsOf(
    encodedConcepts.map(({ hidden, tokens }) => pooled(hidden, tokens, width)),
    width,
  )
  const projected = new Map<string, Float32Array>()
  for (const [i, prompt] of texts.entries()) {
    if (projected.has(prompt)) continue
    const { ids, tokens } = text.tokenizer.encode(prompt)
    const tokenPositions = Array.from({ length: Math.max(0, tokens - 2) }, (_, k) => k + 1)
    const masked = await text.encodeIds(tokenPositions.map((position) => ids.with(position, text.tokenizer.padTokenId)))
    const maskedPromptEmbeds = rowsOf(
      masked.map((hidden) => pooled(hidden, tokens, width)),
      width,
    )
    projected.set(
      prompt,
      tokenPositions.length === 0
        ? embeds[i]!
        : safreeEmbeds({ promptEmbeds: embeds[i]!, d: width, tokenPositions, maskedPromptEmbeds, conceptEmbeds })
            .promptEmbeds,
    )
  }
  return texts.map((prompt) => projected.get(prompt)!)
}
