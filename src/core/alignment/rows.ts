/**
 * Which token embeddings stand for a concept.
 *
 * A causal text encoder spreads a concept over its own tokens, the end token and the padding behind it, and the U-Net
 * attends to all of them. So every position of the concept's prompt is a row, and its guide is the embedding at the
 * same position of the guide prompt: after the edit the concept's prompt reads like the guide's. This is also what
 * models/pictogram/align/closed.py does.
 */
import { SpqrError } from '../contracts/errors'
import type { EditRows } from './closedForm'

/** One text as the encoder sees it: `hidden` [length, d] (last hidden state), `tokens` counts start and end token. */
export interface EncodedText {
  hidden: Float32Array
  tokens: number
}

/** Encodes texts, in order; d is hidden.length / sequence length. */
export type EncodeTexts = (texts: readonly string[]) => Promise<readonly EncodedText[]>

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

/** Positions from `first` to the end. */
const after = (text: EncodedText, d: number, first: number): number[] =>
  Array.from({ length: text.hidden.length / d - first }, (_, i) => i + first)

function checkTexts(texts: readonly EncodedText[], d: number): void {
  for (const { hidden, tokens } of texts) {
    if (hidden.length % d || tokens < 2 || tokens > hidden.length / d)
      throw new SpqrError('BAD_INPUT', `A text of ${tokens} tokens has ${hidden.length / d} embeddings of ${d} values.`)
  }
}

/** Rows for UCE and RECE: each concept's tokens towards one guide. */
export function conceptRows(
  concepts: readonly EncodedText[],
  guide: EncodedText,
  preserve: readonly EncodedText[],
  dimension: number,
): EditRows {
  checkTexts([...concepts, guide, ...preserve], dimension)
  const whole = (text: EncodedText) => ({ text, positions: after(text, dimension, 0) })
  return {
    dimension,
    erase: gather(concepts.map(whole), dimension),
    guide: gather(
      concepts.map(() => whole(guide)),
      dimension,
    ),
    preserve: gather(preserve.map(whole), dimension),
  }
}

/**
 * Rows for MACE: the tokens behind the concept in `prompts[i]`, towards the same words in `mapped[i]`, where the guide
 * stands in its place. `ends[i]` is the position just behind the concept's last token (in a causal encoder the tokens
 * before it cannot know of it); `mappedEnds[i]` the same in the mapped prompt.
 */
export function coOccurringRows(
  prompts: readonly EncodedText[],
  mapped: readonly EncodedText[],
  ends: readonly number[],
  mappedEnds: readonly number[],
  preserve: readonly EncodedText[],
  dimension: number,
): EditRows {
  checkTexts([...prompts, ...mapped, ...preserve], dimension)
  const from = prompts.map((text, i) => ({ text, positions: after(text, dimension, ends[i]!) }))
  const to = mapped.map((text, i) => {
    const last = text.hidden.length / dimension - 1
    return {
      text,
      positions: from[i]!.positions.map((position) => Math.min(last, position - ends[i]! + mappedEnds[i]!)),
    }
  })
  return {
    dimension,
    erase: gather(from, dimension),
    guide: gather(to, dimension),
    preserve: gather(
      preserve.map((text) => ({ text, positions: after(text, dimension, 0) })),
      dimension,
    ),
  }
}
