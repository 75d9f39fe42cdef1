/** The tokens among which a prompt is searched for: those of the model's own tokenizer that survive being written down. */
import { SpqrError } from '../contracts/errors'

export interface Token {
  id: number
  /** The word that is read as this token alone. */
  text: string
}

/** What a search needs of a tokenizer. */
export interface Reader {
  /** Every token of the vocabulary and its number. */
  vocabulary(): ReadonlyMap<string, number>
  /** The text of one token, special ones as nothing. */
  decode(id: number): string
  /** Token numbers of a text, padded, and how many of them are its own (start and end included). */
  encode(text: string): { ids: readonly number[]; tokens: number }
}

/**
 * Tokens that a word of its own is read as. The published search takes every number and writes down what comes out, so a
 * part of a letter, or the inside of a word, becomes other tokens when the prompt is read again; here the prompt that was
 * found is the prompt that is read.
 *
 * @param allowed only tokens of this vocabulary, each with its number
 * @throws {SpqrError} BAD_INPUT when `allowed` is of another tokenizer, or leaves too few words
 */
export function searchableTokens(reader: Reader, allowed?: ReadonlyMap<string, number>): Token[] {
  const own = reader.vocabulary()
  if (allowed) checkSameTokenizer(allowed, own)
  const { start } = frameOf(reader)
  const tokens: Token[] = []
  for (const id of new Set((allowed ?? own).values())) {
    const text = reader.decode(id)
    if (text === '' || /\s|\uFFFD/.test(text)) continue
    const { ids, tokens: length } = reader.encode(text)
    if (length === start.length + 2 && ids[start.length] === id) tokens.push({ id, text })
  }
  if (tokens.length >= 2) return tokens.sort((a, b) => a.id - b.id)
  throw new SpqrError(
    'BAD_INPUT',
    `The vocabulary has ${tokens.length} tokens that are words by themselves; a search needs two or more.`,
    'Take the whole vocabulary of the model’s tokenizer.',
  )
}

/** @throws {SpqrError} BAD_INPUT when a token has another number in the model's own vocabulary, or none */
function checkSameTokenizer(vocabulary: ReadonlyMap<string, number>, own: ReadonlyMap<string, number>): void {
  for (const [token, id] of vocabulary) {
    const known = own.get(token)
    if (known === id) continue
    const name = token.slice(0, 40)
    throw new SpqrError(
      'BAD_INPUT',
      known === undefined
        ? `The vocabulary is of another tokenizer: this model has no token "${name}".`
        : `The vocabulary is of another tokenizer: its token "${name}" is number ${id}, and here it is number ${known}.`,
      'Take the tokenizer.json of the model that is attacked.',
    )
  }
}

/** What stands before and behind a prompt's tokens; `end` is long enough for an empty prompt. */
export interface Frame {
  start: readonly number[]
  end: readonly number[]
}

/** Start and end of every prompt of a tokenizer that closes its prompts by one token, or by none. */
export function frameOf({ encode }: Pick<Reader, 'encode'>): Frame {
  const { ids, tokens } = encode('')
  const closes = tokens > 1 ? 1 : 0
  return { start: ids.slice(0, tokens - closes), end: ids.slice(tokens - closes) }
}

/** A row of token numbers as the text encoder reads it: start, the prompt's own, end and padding. */
export function framed({ start, end }: Frame, genes: readonly number[]): number[] {
  return [...start, ...genes, ...end.slice(0, end.length - genes.length)]
}
