/**
 * The pack's own tokenizer, through transformers.js, built from verified files of the pack: nothing is looked up on a
 * hub. Loaded lazily, because the library is large and the page shows before it is needed.
 */
import * as v from 'valibot'
import {
  SpqrError,
  checkShape,
  loadPart,
  named,
  shortened,
  type DiffusionModel,
  type TokenizerFiles,
} from '../../core/contracts'
import { tokenizerProblem } from '../../core/repository/tokenizerCheck'
import { patternLimit } from '../../core/repository/tokenizerPatterns'
import { parseJsonBytes } from '../jsonBytes'
import type { FileLoader } from '../storage/files'

/** Prompts beyond this many characters are refused, not cut: nobody means a text of which 1 % is read. */
export const MAX_PROMPT_CHARACTERS = 2000

export interface Encoded {
  /** `maxLength` token ids, padded. */
  ids: number[]
  /** How many of them are the text's own, start and end token included. */
  tokens: number
  /** Tokens that did not fit and were left out. */
  truncated: number
}

export interface PackTokenizer {
  maxLength: number
  padTokenId: number
  /** Version of transformers.js. */
  library: string
  /** Throws PROMPT_TOO_LONG beyond MAX_PROMPT_CHARACTERS. */
  encode(text: string): Encoded
  /** Every token of the vocabulary and its number. */
  vocabulary(): ReadonlyMap<string, number>
  /** The text of one token; of a special one nothing. */
  decode(id: number): string
}

const FileSchema = named(v.unknown())

async function readJson(
  files: FileLoader,
  settings: TokenizerFiles,
  name: string,
  what: string,
  signal?: AbortSignal,
): Promise<Record<string, unknown>> {
  const entry = settings.files.find(({ path }) => path === name || path.endsWith(`/${name}`))
  if (!entry)
    throw new SpqrError(
      'MANIFEST_INVALID',
      `The manifest lists no ${name} for the tokenizer of ${what}.`,
      'Publish it again with its tokenizer.',
    )
  const bytes = await files.load(entry, signal)
  const json = parseJsonBytes(bytes)
  const { value, fault } = json.fault === null ? checkShape(FileSchema, json.value) : json
  if (fault !== null)
    throw new SpqrError('MANIFEST_INVALID', `"${entry.path}" cannot be read: ${fault}.`, 'Publish the pack again.')
  return value
}

/** Loads the tokenizer of `what`; throws DOWNLOAD_FAILED, HASH_MISMATCH, MANIFEST_INVALID. */
export async function loadTokenizer(
  files: FileLoader,
  settings: DiffusionModel['tokenizer'],
  signal?: AbortSignal,
  what = 'the pack',
): Promise<PackTokenizer> {
  if ('repository' in settings)
    throw new SpqrError(
      'BAD_INPUT',
      `The tokenizer of ${what} is in a repository that is not open.`,
      'Open the model again.',
    )
  const [json, config] = [
    await readJson(files, settings, 'tokenizer.json', what, signal),
    await readJson(files, settings, 'tokenizer_config.json', what, signal),
  ]
  return buildTokenizer(json, config, settings, what)
}

/** The tokenizer of `what` from the contents of tokenizer.json and tokenizer_config.json. Throws MANIFEST_INVALID. */
export async function buildTokenizer(
  json: Record<string, unknown>,
  config: Record<string, unknown>,
  settings: Pick<TokenizerFiles, 'maxLength' | 'padTokenId'>,
  what: string,
): Promise<PackTokenizer> {
  const unusable = (why: string) =>
    new SpqrError(
      'MANIFEST_INVALID',
      `The tokenizer of ${what} cannot be used: ${why}.`,
      'Publish it with a tokenizer that transformers.js supports.',
    )
  const problem = tokenizerProblem(json)
  if (problem !== null) throw unusable(problem)
  // Expressions of its own that take long on long texts are given shorter ones.
  const longest = Math.min(MAX_PROMPT_CHARACTERS, patternLimit(json).value ?? 0)
  const { PreTrainedTokenizer, env } = await loadPart(() => import('@huggingface/transformers'))
  let tokenizer: InstanceType<typeof PreTrainedTokenizer>
  try {
    tokenizer = new PreTrainedTokenizer(json, config)
  } catch (thrown) {
    throw unusable(shortened(thrown instanceof Error ? thrown.message : String(thrown)))
  }
  const { maxLength, padTokenId } = settings
  const encode = (text: string): number[] => {
    let ids: unknown[]
    try {
      ids = tokenizer.encode(text)
    } catch (thrown) {
      throw unusable(shortened(thrown instanceof Error ? thrown.message : String(thrown)))
    }
    if (ids.every((id): id is number => Number.isSafeInteger(id) && (id as number) >= 0)) return ids
    throw unusable('it gives tokens that its vocabulary lacks')
  }
  const ending = endingTokens({ encode })
  return {
    maxLength,
    padTokenId,
    library: env.version,
    vocabulary: () => tokenizer.get_vocab(),
    decode: (id) => tokenizer.decode([id], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
    encode(text) {
      assertLength(text, longest, what)
      const ids = encode(text)
      // As transformers truncates: the text is cut, the special token that ends it stays.
      const truncated = Math.max(0, ids.length - maxLength)
      const fitted = truncated > 0 ? [...ids.slice(0, maxLength - ending.length), ...ending] : ids
      return {
        ids: [...fitted, ...Array.from({ length: maxLength - fitted.length }, () => padTokenId)],
        tokens: fitted.length,
        truncated,
      }
    },
  }
}

function assertLength({ length }: string, longest: number, what: string): void {
  if (length <= longest) return
  const most =
    longest < MAX_PROMPT_CHARACTERS
      ? `the tokenizer of ${what} is given at most ${longest}`
      : `at most ${longest} are accepted`
  throw new SpqrError('PROMPT_TOO_LONG', `The prompt has ${length} characters; ${most}.`, 'Shorten the prompt.')
}

/** The token that closes every text (EOS), or none: the one on which an empty and another text agree. */
function endingTokens(tokenizer: { encode(text: string): number[] }): number[] {
  const last = tokenizer.encode('').at(-1)
  return last !== undefined && tokenizer.encode('a').at(-1) === last ? [last] : []
}
