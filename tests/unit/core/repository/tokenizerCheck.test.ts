/** Damaged tokenizers are refused by name: they would turn texts into numbers that the model never saw. */
import { expect, test } from 'vitest'
import { clipTokenizerJson, readMerges } from '../../../../src/core/repository'
import { tokenizerProblem } from '../../../../src/core/repository/tokenizerCheck'
import { patternLimit } from '../../../../src/core/repository/tokenizerPatterns'
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
  [
    'a step that lost its pattern',
    { ...clip(vocabulary, 'a b</w>'), pre_tokenizer: { type: 'Split', behavior: 'Removed', invert: true } },
    'one of its steps, a "Split", has no pattern',
  ],
  [
    'a step of an unknown kind',
    { ...clip(vocabulary, 'a b</w>'), pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'Remove' } },
    'one of its steps does something unknown with what it finds: "Remove"',
  ],
  ['an unknown model', { model: { type: 'BPF', vocab: { a: 0 } } }, 'its model is of the unknown type "BPF"'],
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

const withPattern = (Regex: string) => ({ ...clip(), pre_tokenizer: { type: 'Split', pattern: { Regex } } })
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
const LLAMA =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

test.each([
  ['GPT-2', GPT2, 2000],
  ['Llama 3', LLAMA, 2000],
  ['single letters', '[a-z]|(?:bc){2}|d{3}', 2000],
  ['two runs one behind another', 'a*a*b', 464],
  ['three', '\\w+\\s*\\w{2,}', 100],
  ['an optional one before a run', 'b?a+', 2000],
])('the expression of %s bounds the length of a text', (_, pattern, least) => {
  const { value, fault } = patternLimit(withPattern(pattern))
  expect(fault).toBeNull()
  expect(Math.min(2000, value ?? 0)).toBe(least)
})

test.each([
  '(a+)+$',
  '(a|a)*$',
  '(?:a|aa)+b',
  '(\\w+\\s*)*c',
  '(a*){2}b',
  '(a)\\1+',
  'a*a*a*a*b',
  'a?'.repeat(30) + 'a',
  '(((',
  'a)+(b',
])('the expression %s is refused: nobody can say when it ends', (pattern) => {
  const problem = tokenizerProblem(withPattern(pattern))
  expect(problem).toMatch(/^nobody can say how long its expression ".*" takes on a text$/)
})

test('an expression that is allowed ends on the worst texts of the length it allows', () => {
  for (const pattern of ['a*a*b', '\\w+\\s*\\w{2,}', GPT2, LLAMA, '(?:a?a?a?a*)?b']) {
    const length = Math.min(2000, patternLimit(withPattern(pattern)).value ?? 0)
    const started = process.cpuUsage()
    // Node knows no group of its own case yet; the library writes it out.
    const expression = new RegExp(pattern.replace('(?i:', '(?:'), 'gu')
    for (const letter of ['a', ' ', '\n', '!'])
      expect(letter.repeat(length).replaceAll(expression, '').length).toBeLessThanOrEqual(length)
    // A second by count; ten leaves room for a slow machine, and one that runs away takes years.
    expect(process.cpuUsage(started).user).toBeLessThan(10e6)
  }
})

test('the patterns of a decoder are looked at as well', () => {
  const spaces = { type: 'Replace', pattern: { String: '▁' }, content: ' ' }
  const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 }
  expect(tokenizerProblem({ ...clip(), decoder: { type: 'Sequence', decoders: [spaces, strip] } })).toBeNull()
  expect(tokenizerProblem({ ...clip(), decoder: { ...spaces, pattern: { Regex: '(a+)+b' } } })).toMatch(
    /nobody can say/,
  )
})

test('steps that blow a text up are refused', () => {
  const double = { type: 'Replace', pattern: { String: 'a' }, content: 'aa' }
  const steps = (count: number) => ({
    ...clip(),
    normalizer: { type: 'Sequence', normalizers: Array(count).fill(double) },
  })
  expect(tokenizerProblem(steps(3))).toBeNull()
  expect(tokenizerProblem(steps(40))).toBe('its steps make a text many times longer')
})
