/**
 * Which token embeddings stand for a concept.
 *
 * A causal text encoder spreads a concept over its own tokens, the end token and the padding behind it, and the U-Net
 * attends to all of them. So, as the authors' UCE code does, every position after the start token counts:
 *   concept token   → the guide's last content token (its end token when the guide is the empty prompt)
 *   end token       → the guide's end token
 *   padding at p    → the guide's embedding at p, or its end token if the guide is longer
 */
import { SpqrError } from '../contracts/errors'
import type { EditRows } from './closedForm'

/** One text as the encoder sees it: `hidden` [length, d] (last hidden state), `tokens` counts start and end token. */
export interface EncodedText { hidden: Float32Array; tokens: number }

interface Pair { from: number; to: number }

/** Position pairs (concept → guide) for a text of `length` positions. */
function pairs(length: number, concept: EncodedText, guide: EncodedText): Pair[] {
  const [end, guideEnd] = [concept.tokens - 1, guide.tokens - 1]
  const content = guideEnd > 1 ? guideEnd - 1 : guideEnd
  return Array.from({ length: length - 1 }, (_, i) => i + 1).map((from) => ({
    from, to: from < end ? content : from === end ? guideEnd : Math.max(from, guideEnd),
  }))
}

function gather(texts: readonly { text: EncodedText; positions: readonly number[] }[], d: number): Float32Array {
  const rows = new Float32Array(texts.reduce((sum, { positions }) => sum + positions.length, 0) * d)
  let at = 0
  for (const { text, positions } of texts) {
    for (const position of positions) {
      rows.set(text.hidden.subarray(position * d, (position + 1) * d), at)
      at += d
    }
  }
  return rows
}

const after = (text: EncodedText, d: number, first: number): number[] =>
  Array.from({ length: text.hidden.length / d - first }, (_, i) => i + first)

function checkTexts(texts: readonly EncodedText[], d: number): void {
  for (const { hidden, tokens } of texts) {
    if (hidden.length % d || tokens < 2 || tokens > hidden.length / d) throw new SpqrError('BAD_INPUT', `A text of ${tokens} tokens has ${hidden.length / d} embeddings of ${d} values.`)
  }
}

/** Rows for UCE and RECE: each concept's tokens towards one guide. */
export function conceptRows(concepts: readonly EncodedText[], guide: EncodedText, preserve: readonly EncodedText[], dimension: number): EditRows {
  checkTexts([...concepts, guide, ...preserve], dimension)
  const mapped = concepts.map((text) => ({ text, pairs: pairs(text.hidden.length / dimension, text, guide) }))
  return {
    dimension,
    erase: gather(mapped.map(({ text, pairs: list }) => ({ text, positions: list.map(({ from }) => from) })), dimension),
    guide: gather(mapped.map(({ pairs: list }) => ({ text: guide, positions: list.map(({ to }) => to) })), dimension),
    preserve: gather(preserve.map((text) => ({ text, positions: after(text, dimension, 1) })), dimension),
  }
}

/**
 * Rows for MACE: the tokens behind the concept in `prompts[i]`, towards the same words in `mapped[i]`, where the guide
 * stands in its place. `ends[i]` is the position just behind the concept's last token (in a causal encoder the tokens
 * before it cannot know of it); `mappedEnds[i]` the same in the mapped prompt.
 */
export function coOccurringRows(
  prompts: readonly EncodedText[], mapped: readonly EncodedText[], ends: readonly number[], mappedEnds: readonly number[],
  preserve: readonly EncodedText[], dimension: number,
): EditRows {
  checkTexts([...prompts, ...mapped, ...preserve], dimension)
  const from = prompts.map((text, i) => ({ text, positions: after(text, dimension, ends[i]!) }))
  const to = mapped.map((text, i) => {
    const last = text.hidden.length / dimension - 1
    return { text, positions: from[i]!.positions.map((position) => Math.min(last, position - ends[i]! + mappedEnds[i]!)) }
  })
  return {
    dimension, erase: gather(from, dimension), guide: gather(to, dimension),
    preserve: gather(preserve.map((text) => ({ text, positions: after(text, dimension, 1) })), dimension),
  }
}
