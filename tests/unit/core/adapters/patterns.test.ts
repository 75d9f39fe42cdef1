import { expect, test } from 'vitest'
import { patternTable } from '../../../../src/core/adapters/patterns'

/** What PEFT asks of Python's re, in JavaScript's own engine, for patterns that both engines read alike. */
const reference = (pattern: string, name: string): boolean => new RegExp(`^(?:.*\\.)?(?:${pattern})$`).test(name)

const NAMES = [
  'to_k',
  'attn2.to_k',
  'down_blocks.0.attn2.to_k',
  'down_blocks.10.attn2.to_v',
  'xto_k',
  'a',
  'aa',
  'aab',
  '',
  '.',
  'a.b',
]

test.each([
  'to_k',
  '^to_k',
  'to_k$',
  '^down_blocks.0.attn2.to_k',
  'attn2.to_k',
  'to_(k|v)',
  '(?:to_k|to_v)',
  'to_[kv]',
  'to_[^kq]',
  'to_[a-m]',
  String.raw`down_blocks\.\d+\.attn2\.to_\w`,
  String.raw`down_blocks\.\d\..*`,
  String.raw`\D+`,
  'a*',
  'a+b?',
  'a{2}b',
  'a{1,}',
  'a{0,2}',
  '(a|aa)+b',
  'a.*?b',
  '()',
  '(|a)b*',
  '(^a|b)$',
  '.*',
  '.',
  '',
  '[]a]',
  '[a-]',
])('%s matches what Python matches', (pattern) => {
  // "[]" opens with a literal bracket in Python and is empty in JavaScript.
  const own = pattern === '[]a]' ? String.raw`[\]a]` : pattern
  const table = patternTable('alpha_pattern', { [pattern]: 7 })
  for (const name of NAMES) expect(table(name), `${pattern} on ${name}`).toBe(reference(own, name) ? 7 : null)
})

test('the first pattern that matches rules', () => {
  const table = patternTable('alpha_pattern', { 'b.to_k': 1, to_k: 2 })
  expect([table('a.to_k'), table('b.to_k'), table('to_v')]).toEqual([2, 1, null])
})

test.each([
  '(',
  ')',
  '[a',
  '*a',
  'a**',
  'a*+',
  '(?=a)',
  '(?i)a',
  '(a)\\1',
  '\\bto_k',
  'a{2,1}',
  '\\',
  '('.repeat(200),
  'a'.repeat(2000) + '+',
])('refuses %s', (pattern) => {
  expect(() => patternTable('rank_pattern', { [pattern]: 1 })).toThrow(
    expect.objectContaining({ code: 'ADAPTER_INVALID', message: expect.stringMatching(/rank_pattern/) as string }),
  )
})

test.each([[[]], ['x'], [{ a: '1' }], [{ a: null }]])('refuses a table that is none: %j', (table) => {
  expect(() => patternTable('alpha_pattern', table)).toThrow(expect.objectContaining({ code: 'ADAPTER_INVALID' }))
})

test.each([
  ['nested repeats', '(((a{99}){99}){99}){99}'],
  ['empty repeats', '(((){9999}){9999}){9999}'],
])('%s are refused before they grow', (_, pattern) => {
  const start = performance.now()
  expect(() => patternTable('alpha_pattern', { [pattern]: 1 })).toThrow(
    expect.objectContaining({ code: 'ADAPTER_INVALID' }),
  )
  expect(performance.now() - start).toBeLessThan(30_000)
})

test('ten thousand patterns on ten thousand modules are refused, not tried', () => {
  const table = patternTable(
    'alpha_pattern',
    Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`(x+)+${i}`, 1])),
  )
  const start = performance.now()
  expect(() => {
    for (let i = 0; i < 10_000; i++) table('x'.repeat(80))
  }).toThrow(expect.objectContaining({ code: 'ADAPTER_INVALID' }))
  // Trying them takes hours; a busy machine takes a few seconds to refuse them.
  expect(performance.now() - start).toBeLessThan(30_000)
})
