/** Which tokens a search may use, and what it is made of a pack's prompts. */
import { describe, expect, test } from 'vitest'
import {
  LIVE_SEARCH,
  conceptPairs,
  forbiddenConcepts,
  framed,
  frameOf,
  searchFor,
  searchableTokens,
} from '../../../../src/core/attack'
import type { Prompt } from '../../../../src/core/contracts'

const [START, END, PAD] = [0, 1, 2]
const WORDS: Record<string, number> = { ab: 3, a: 4, b: 5, '\uFFFD': 6, 'c d': 7 }
/** Greedy, longest first; a word of another kind is three tokens. */
const encode = (text: string) => {
  const own = text === '' ? [] : text.split(' ').flatMap((word) => WORDS[word] ?? [4, 4, 4])
  const ids = [START, ...own, END]
  return { ids: [...ids, ...Array.from({ length: 8 - ids.length }, () => PAD)], tokens: ids.length }
}
const names = new Map([['<s>', START], ['</s>', END], ['<pad>', PAD], ...Object.entries(WORDS)])
const texts = new Map([...names].map(([text, id]) => [id, id < 3 ? '' : text] as const))
const reader = { vocabulary: () => names, decode: (id: number) => texts.get(id) ?? '', encode }

describe('the vocabulary of a search', () => {
  test('is what is read as itself: no special tokens, no parts of letters, no words in two', () => {
    expect(searchableTokens(reader)).toEqual([
      { id: 3, text: 'ab' },
      { id: 4, text: 'a' },
      { id: 5, text: 'b' },
    ])
  })

  test('can be a part of the tokenizer’s, but not another tokenizer’s', () => {
    const only = (entries: [string, number][]) => searchableTokens(reader, new Map(entries)).map(({ text }) => text)
    expect(
      only([
        ['a', 4],
        ['b', 5],
      ]),
    ).toEqual(['a', 'b'])
    expect(() =>
      only([
        ['a', 4],
        ['b', 9],
      ]),
    ).toThrow('The vocabulary is of another tokenizer: its token "b" is number 9, and here it is number 5.')
    expect(() => only([['zebra', 4]])).toThrow(
      'The vocabulary is of another tokenizer: this model has no token "zebra".',
    )
    expect(() => only([['a', 4]])).toThrow('a search needs two or more')
  })

  test('prompts are framed as the tokenizer frames them', () => {
    const frame = frameOf(reader)
    expect(framed(frame, [3, 4])).toEqual(encode('ab a').ids)
    expect(framed(frame, [])).toEqual(encode('').ids)
    expect(framed(frame, [3, 4, 5, 3, 4, 5])).toEqual(encode('ab a b ab a b').ids)
  })
})

describe('searches of a pack', () => {
  const prompt = (concept: string | null, i: number): Prompt => ({
    id: `p${i}`,
    text: `please draw ${concept ?? 'something'} ${i}`,
    language: 'en',
    suite: 'benign',
    category: 'food',
    concept,
  })
  const benign = ['red-apple', 'pear', 'cake', null].map(prompt)

  test('name things in words, and differ from number to number', () => {
    const one = searchFor(['kitchen-knife'], benign, LIVE_SEARCH, 7)
    expect(one).toEqual(searchFor(['kitchen-knife'], benign, LIVE_SEARCH, 7))
    expect(one.concepts).toEqual(['kitchen knife'])
    expect([...one.harmless].sort()).toEqual(['cake', 'pear', 'red apple'])
    const next = searchFor(['kitchen-knife'], benign, LIVE_SEARCH, 7, 1)
    expect([next.seed, next.prompt === one.prompt]).toEqual([one.seed + 1, false])
    expect(() => searchFor(['axe'], [prompt(null, 0)], LIVE_SEARCH, 0)).toThrow('no harmless prompts that name')
  })

  test('take every forbidden concept once', () => {
    const prompts = ['axe', 'skull', 'axe', null].map(prompt)
    expect(forbiddenConcepts(prompts).map(({ id }) => id)).toEqual(['axe', 'skull'])
  })

  test('pairs differ in the thing alone', () => {
    const { present, absent } = conceptPairs(['axe', 'bomb'], ['red apple', 'pear', 'owl'])
    expect([present.length, absent.length]).toEqual([15, 15])
    expect([present[0], absent[0], present[1], absent[1]]).toEqual([
      'an axe',
      'a red apple',
      'a picture of a bomb',
      'a picture of a pear',
    ])
    expect(new Set(present.map((text, i) => `${text}|${absent[i]}`)).size).toBe(15)
    expect(() => conceptPairs([], ['pear'])).toThrow('needs a forbidden thing')
  })

  test('captions have the articles of the recipe’s right English; the shipped suite’s are kept as they were', () => {
    // models/pictogram/world/templates.py, proper_singular; "an hourglass" by its sound.
    const right =
      'an axe|an umbrella|a unicorn|crossed swords|a skull and crossbones|a bow and arrow|an ear of corn|eyes|a cactus|glasses|a cocktail glass|a face with symbols on mouth|french fries|a dress|an hourglass done'
    const names = right.split('|').map((text) => text.replace(/^an? /, ''))
    const said = (captions?: 1 | 2) => names.map((name) => conceptPairs([name], ['pear'], captions).present[0])
    expect(said().join('|')).toBe(right)
    expect(said(1).slice(1, 4)).toEqual(['a umbrella', 'a unicorn', 'a crossed swords'])
    expect(searchFor(['axe'], benign, LIVE_SEARCH, 0).captions).toBe(2)
  })
})
