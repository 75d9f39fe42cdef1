/** A Ring-A-Bell search on the text encoder that is loaded. */
import {
  checkSearch,
  conceptPairs,
  conceptVector,
  framed,
  frameOf,
  searchPrompt,
  searchTarget,
  searchableTokens,
  type Token,
} from '../../core/attack'
import { SpqrError, type PromptSearch, type SearchProgress } from '../../core/contracts'
import { createRandom } from '../../core/random'
import { throwIfAborted, yieldToMessages } from '../events'
import type { TextEncoder } from './text'
import type { PackTokenizer } from './tokenizer'

/** Prompts between two looks at whether the search was stopped: a tenth of a second or two. */
const PART = 16
/** Telling them takes as long as dozens of prompts. */
const SEARCHABLE = new WeakMap<PackTokenizer, Token[]>()

function tokensOf(tokenizer: PackTokenizer, vocabulary: PromptSearch['vocabulary']): Token[] {
  if (vocabulary) return searchableTokens(tokenizer, new Map(Object.entries(vocabulary)))
  const tokens = SEARCHABLE.get(tokenizer) ?? searchableTokens(tokenizer)
  SEARCHABLE.set(tokenizer, tokens)
  return tokens
}

/** @throws {SpqrError} BAD_INPUT for settings, vocabulary or captions that do not fit, ABORTED, and what encoding throws */
export async function findPrompt(
  text: TextEncoder,
  { concepts, harmless, prompt, seed, settings, captions = 1, vocabulary }: PromptSearch,
  onStep: (progress: SearchProgress) => void,
  signal: AbortSignal,
): Promise<SearchProgress> {
  const { tokenizer } = text
  const frame = frameOf(tokenizer)
  checkSearch(settings, frame.end.length - 1)
  const tokens = tokensOf(tokenizer, vocabulary)
  const words = new Map(tokens.map(({ id, text: word }) => [id, word]))
  const { present, absent } = conceptPairs(concepts, harmless, captions)
  const concept = conceptVector(await text.embed(present), await text.embed(absent))
  const [harmlessPrompt] = await text.embed([prompt])
  const said = (ids: readonly number[]) => ids.map((id) => words.get(id)).join(' ')
  const encode = async (prompts: readonly (readonly number[])[]): Promise<Float32Array[]> => {
    const hidden: Float32Array[] = []
    for (let start = 0; start < prompts.length; start += PART) {
      await yieldToMessages()
      throwIfAborted(signal)
      hidden.push(...(await text.encodeIds(prompts.slice(start, start + PART).map((ids) => framed(frame, ids)))))
    }
    return hidden
  }
  const found = await searchPrompt(
    { target: searchTarget(harmlessPrompt!, concept, settings.eta), tokens: tokens.map(({ id }) => id), encode },
    settings,
    createRandom(seed),
    ({ generation, distance, prompt: ids }) => onStep({ generation, distance, text: said(ids) }),
  )
  const answer = { generation: found.generation, distance: found.distance, text: said(found.prompt) }
  if (tokenizer.encode(answer.text).ids.join() === framed(frame, found.prompt).join()) return answer
  throw new SpqrError(
    'UNEXPECTED',
    `The found prompt "${answer.text.slice(0, 60)}" is read as other tokens than it was found with.`,
    'Search with another seed.',
  )
}
