/** CLIP's tokenizer from the two files that Stable Diffusion repositories hold, as the one file transformers.js reads. */
import { SpqrError } from '../contracts'
import { tokenText, type TokenizerFile } from './configs'

/** Words as CLIP splits them: contractions, runs of letters, single digits, runs of anything else. */
const WORDS = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"
const START = '<|startoftext|>'
const END = '<|endoftext|>'

export type Vocabulary = Readonly<Record<string, number>>

/** Text of the special tokens, CLIP's own where the configuration does not say. */
function specials(config: TokenizerFile): { start: string; end: string; unknown: string; pad: string } {
  const end = tokenText(config.eos_token) ?? END
  return {
    start: tokenText(config.bos_token) ?? START,
    end,
    unknown: tokenText(config.unk_token) ?? end,
    pad: tokenText(config.pad_token) ?? end,
  }
}

/** Id of the padding token; throws SOURCE_UNSUITABLE when the vocabulary lacks it. */
export function padTokenId(config: TokenizerFile, vocabulary: Vocabulary): number {
  const { pad } = specials(config)
  if (Object.hasOwn(vocabulary, pad)) return vocabulary[pad]!
  const added = Object.entries(config.added_tokens_decoder ?? {}).find(([, token]) => token.content === pad)
  if (added && /^\d{1,7}$/.test(added[0])) return Number(added[0])
  throw new SpqrError(
    'SOURCE_UNSUITABLE',
    `The tokenizer pads with "${pad}", which its vocabulary lacks.`,
    'The tokenizer belongs to another model, or is damaged; publish the model again.',
  )
}

/** Lines of merges.txt as pairs; the first line states a version. */
export function readMerges(text: string): [string, string][] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#version'))
    .map((line, i) => {
      const [left, right, ...rest] = line.trimEnd().split(' ')
      if (left === undefined || right === undefined || rest.length > 0) {
        throw new SpqrError(
          'SOURCE_UNSUITABLE',
          `Line ${i + 2} of the tokenizer's merges.txt is no pair of tokens.`,
          'Download the model again.',
        )
      }
      return [left, right]
    })
}

const NORMALIZER = {
  type: 'Sequence',
  normalizers: [{ type: 'NFC' }, { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' }, { type: 'Lowercase' }],
}
const PRE_TOKENIZER = {
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: WORDS }, behavior: 'Removed', invert: true },
    { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  ],
}
const DECODER = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }

/** @throws SpqrError SOURCE_UNSUITABLE where the vocabulary lacks a special token */
function specialId(vocabulary: Vocabulary, token: string): number {
  if (!Object.hasOwn(vocabulary, token))
    throw new SpqrError(
      'SOURCE_UNSUITABLE',
      `The tokenizer's vocabulary lacks its special token "${token}".`,
      'It is no CLIP tokenizer, or is damaged; publish the model again.',
    )
  return vocabulary[token]!
}

/** tokenizer.json of a CLIP tokenizer (byte-level BPE with word ends, lower case, NFC). */
export function clipTokenizerJson(
  vocabulary: Vocabulary,
  merges: readonly (readonly [string, string])[],
  config: TokenizerFile,
): Record<string, unknown> {
  const { start, end, unknown, pad } = specials(config)
  const idOf = (token: string) => specialId(vocabulary, token)
  // Every special token is split off before merging; Stable Diffusion 2 pads with "!", and so reads "!" as padding.
  const added = [...new Set([pad, start, end])].map((content) => ({
    id: idOf(content),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: content === start || content === end,
    special: true,
  }))
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added.sort((a, b) => a.id - b.id),
    normalizer: NORMALIZER,
    pre_tokenizer: PRE_TOKENIZER,
    post_processor: {
      type: 'RobertaProcessing',
      sep: [end, idOf(end)],
      cls: [start, idOf(start)],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: DECODER,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknown,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: vocabulary,
      merges,
    },
  }
}
