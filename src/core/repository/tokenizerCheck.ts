/**
 * Whether the parts of a tokenizer.json fit each other. A damaged one still turns texts into numbers, only others than the
 * model was trained with: the pictures come out, and nobody is told.
 */
import { isObject, shortened } from '../contracts'
import { patternLimit } from './tokenizerPatterns'

/** Ids of real vocabularies are dense; one far beyond their number is damage, and no embedding has a row for it. */
const SPARSE = 1024

/** How texts are cut into tokens; an older file leaves it out. */
const MODELS: readonly unknown[] = ['BPE', 'WordPiece', 'Unigram', 'WordLevel']

const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const quoted = (token: unknown): string => `"${shortened(String(token))}"`

type Ids = Map<string, number>

/** What is wrong, as the end of a sentence; null when tokens, ids and merges fit each other. */
export function tokenizerProblem(json: Readonly<Record<string, unknown>>): string | null {
  const { model, added_tokens: added = [] } = json
  if (!isObject(model)) return 'it describes no model'
  if (model.type !== undefined && !MODELS.includes(model.type))
    return `its model is of the unknown type ${quoted(model.type)}`
  const ids = idsOf(model.vocab)
  if (typeof ids === 'string') return ids
  const vocabulary = new Set(ids.keys())
  return addProblem(added, ids) ?? rangeProblem(ids) ?? mergeProblem(model, vocabulary) ?? patternLimit(json).fault
}

/** Token → id of a vocabulary: an object, or Unigram's list of tokens with their scores. */
function idsOf(vocab: unknown): Ids | string {
  const list = Array.isArray(vocab)
  if (!list && !isObject(vocab)) return 'it has no vocabulary'
  const entries: [unknown, unknown][] = list
    ? vocab.map((entry: unknown, i) => [scored(entry), i])
    : Object.entries(vocab)
  const ids: Ids = new Map()
  const tokens = new Map<number, string>()
  for (const [token, id] of entries) {
    if (typeof token !== 'string') return `entry ${Number(id) + 1} of its vocabulary is no token with a finite score`
    if (!isId(id)) return `its token ${quoted(token)} has no whole number as id`
    const twin = tokens.get(id)
    if (twin !== undefined) return `its tokens ${quoted(twin)} and ${quoted(token)} have the same id ${id}`
    if (ids.has(token)) return `its vocabulary holds ${quoted(token)} twice`
    ids.set(token, id)
    tokens.set(id, token)
  }
  return ids
}

const scored = (entry: unknown): unknown =>
  Array.isArray(entry) && entry.length === 2 && Number.isFinite(entry[1]) ? (entry[0] as unknown) : null

/** Takes in the added tokens; those of the vocabulary must have the id they have there. */
function addProblem(added: unknown, ids: Ids): string | null {
  if (!Array.isArray(added)) return 'its added tokens are no list'
  const tokens = new Map([...ids].map(([token, id]) => [id, token]))
  for (const token of added as unknown[]) {
    if (!isObject(token) || typeof token.content !== 'string' || !isId(token.id))
      return 'one of its added tokens has no text or no whole number as id'
    const { content, id } = token
    const [known, twin] = [ids.get(content), tokens.get(id)]
    if (known !== undefined && known !== id)
      return `its added token ${quoted(content)} has id ${id}, and in its vocabulary ${known}`
    if (twin !== undefined && twin !== content)
      return `its tokens ${quoted(twin)} and ${quoted(content)} have the same id ${id}`
    ids.set(content, id)
    tokens.set(id, content)
  }
  return null
}

function rangeProblem(ids: Ids): string | null {
  if (ids.size === 0) return 'its vocabulary is empty'
  for (const [token, id] of ids)
    if (id >= 2 * ids.size + SPARSE) return `its token ${quoted(token)} has id ${id}, and there are ${ids.size} tokens`
  return null
}

/** Merges of byte-pair encoding: two known tokens become one that is known as well. */
function mergeProblem(model: Record<string, unknown>, vocabulary: ReadonlySet<string>): string | null {
  const { merges, continuing_subword_prefix: prefix } = model
  // The mark of a token inside a word is dropped where two become one.
  const inner = typeof prefix === 'string' ? prefix : ''
  if (merges === undefined || merges === null) return null
  if (!Array.isArray(merges)) return 'its merges are no list'
  for (const [i, merge] of (merges as unknown[]).entries()) {
    const pair: unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : []
    if (pair.length !== 2 || !pair.every((part) => typeof part === 'string'))
      return `merge ${i + 1} of it is no pair of tokens`
    const [left = '', right = ''] = pair
    const whole = left + (right.startsWith(inner) ? right.slice(inner.length) : right)
    const stranger = [left, right, whole].find((token) => !vocabulary.has(token as string))
    if (stranger !== undefined) return `merge ${i + 1} of it names ${quoted(stranger)}, which its vocabulary lacks`
  }
  return null
}
