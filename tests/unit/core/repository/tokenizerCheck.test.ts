/** Damaged tokenizers are refused by name: they would turn texts into numbers that the model never saw. */
import { expect, test } from 'vitest'
import { clipTokenizerJson, readMerges } from '../../../../src/core/repository'
import { tokenizerProblem } from '../../../../src/core/repository/tokenizerCheck'
import tiny from '../../../golden/tiny-pack/pack/tokenizer/tokenizer.json'

const vocabulary = { a: 0, 'b</w>': 1, 'ab</w>': 2, constructor: 3, '<|startoftext|>': 4, '<|endoftext|>': 5 }
const clip = (vocab: Record<string, number> = vocabulary, merges = 'a b</w>') =>
  clipTokenizerJson(vocab, readMerges(`#version: 0.2\n${merges}\n`), {})

test('whole tokenizers are taken, whatever their tokens are called', () => {
  expect(tokenizerProblem(clip())).toBeNull()
  expect(tokenizerProblem(tiny as Record<string, unknown>)).toBeNull()
  const unigram = {
    model: {
      type: 'Unigram',
      vocab: [
        ['<unk>', 0],
        ['▁a', -2.5],
      ],
    },
    added_tokens: [],
  }
  expect(tokenizerProblem(unigram)).toBeNull()
})

test.each<[string, Record<string, unknown>, string]>([
  [
    'a merge of an unknown token',
    clip(vocabulary, 'a c</w>'),
    'merge 1 of it names "c</w>", which its vocabulary lacks',
  ],
  ['a merge into an unknown token', clip(vocabulary, 'a a'), 'merge 1 of it names "aa", which its vocabulary lacks'],
  ['two tokens of one id', clip({ ...vocabulary, c: 1 }), 'its tokens "b</w>" and "c" have the same id 1'],
  ['an id out of range', clip({ ...vocabulary, c: 99_999 }), 'its token "c" has id 99999, and there are 7 tokens'],
  ['an id that is no whole number', clip({ ...vocabulary, c: 1.5 }), 'its token "c" has no whole number as id'],
  [
    'a pattern that would be passed over',
    { ...clip(), normalizer: { type: 'Replace', pattern: { R8gex: 'a' }, content: '' } },
    'one of its steps has a pattern that is neither a text nor an expression',
  ],
  ['no vocabulary', { model: {} }, 'it has no vocabulary'],
  ['no model', {}, 'it describes no model'],
  [
    'an added token with another id',
    { model: { vocab: { a: 0, b: 1 } }, added_tokens: [{ content: 'a', id: 1 }] },
    'its added token "a" has id 1, and in its vocabulary 0',
  ],
  [
    'a score that is not finite',
    { model: { vocab: [['a', Infinity]] } },
    'entry 1 of its vocabulary is no token with a finite score',
  ],
])('refuses %s', (_, json, problem) => expect(tokenizerProblem(json)).toBe(problem))
