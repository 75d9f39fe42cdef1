import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { MAX_JSON_DEPTH, checkShape, firstDuplicateKey, named, parseJson } from '../../../../src/core/contracts'

describe('JSON from outside', () => {
  test('nests to a limit, whatever stands in its texts', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    expect(parseJson(nested(MAX_JSON_DEPTH)).fault).toBeNull()
    expect(parseJson(nested(MAX_JSON_DEPTH + 1)).fault).toMatch(/nests deeper than 64 levels/)
    expect(parseJson(nested(1_000_000)).fault).toMatch(/nests deeper/)
    expect(parseJson(`{"a":"${'[{'.repeat(500)}\\"${'['.repeat(500)}"}`).fault).toBeNull()
  })

  test('that is broken is a fault, and no exception', () => {
    for (const text of ['', '{', '"', '{"a":', 'undefined', '[1,]'])
      expect(parseJson(text).fault).toMatch(/no valid JSON/)
  })
})

describe('the first fault', () => {
  const schema = v.strictObject({
    a: v.number(),
    list: v.array(v.strictObject({ n: v.pipe(v.number(), v.integer()) })),
  })

  test.each([
    [{ a: 'x'.repeat(9000), list: [] }, '"a": a number is wanted, and it is text'],
    [{ list: [] }, '"a": it is missing'],
    [{ a: 1, list: [{ n: 1 }, { n: 1.5 }] }, '"list › entry 2 › n": a whole number is wanted'],
    [{ a: 1, list: [], ['k'.repeat(5000)]: 1 }, /^"k{60}…": no such field is known$/],
    [{ a: null, list: [{ n: null }, { n: 'x' }] }, '"a": a number is wanted, and it is nothing (null), and 2 more'],
    [7, 'an object is wanted, and it is a number'],
  ])('of %# is one short sentence', (value, wanted) => {
    const { fault } = checkShape(schema, value)
    expect(fault).toEqual(typeof wanted === 'string' ? wanted : (expect.stringMatching(wanted) as string))
    expect(fault?.length).toBeLessThan(200)
  })

  test('of a million wrong values is found at once', () => {
    const started = performance.now()
    expect(checkShape(v.array(v.number()), new Array<string>(1_000_000).fill('x')).fault).toBe(
      '"entry 1": a number is wanted, and it is text',
    )
    expect(performance.now() - started).toBeLessThan(500)
  })
})

describe('a key that is given twice', () => {
  test.each([
    ['{"a": 1, "a": 2}', 'a'],
    ['{"a": 1, "b": {"c": 1, "d": [{"e": 1, "e": 1}]}}', 'e'],
    ['{"a": 1, "\\u0061": 1}', 'a'],
    ['{"__proto__": 1, "__proto__": 2}', '__proto__'],
    ['{"a" : 1,\n"b\\"": 1, "b\\"":2}', 'b"'],
    ['{"": 1, "": 1}', ''],
  ])('%s is named', (text, key) => {
    expect(firstDuplicateKey(text)).toBe(key)
    expect(parseJson(text)).toEqual({ value: null, fault: `it gives "${key}" twice` })
  })

  test.each([
    '{"a": {"a": 1}, "b": {"a": 1}}',
    '[{"a": 1}, {"a": 1}]',
    '{"a": "\\"a\\": 1, \\"a\\": 2"}',
    '{"1": 1, "01": 2}',
  ])('%s has none', (text) => {
    expect(parseJson(text).fault).toBeNull()
    expect(firstDuplicateKey(text)).toBeNull()
  })
})

test('a number that is not finite is no number of a file', () => {
  for (const text of ['{"a": [1, 1e999]}', `[-${'9'.repeat(400)}]`])
    expect(parseJson(text)).toEqual({ value: null, fault: 'it holds a number that is not finite' })
})

test('names that every object has are names like any other', () => {
  const text = '{"constructor": 1, "__proto__": 2, "a": 3}'
  const { value } = checkShape(named(v.number()), parseJson(text).value)
  expect(Object.entries(value ?? {})).toEqual([
    ['constructor', 1],
    ['__proto__', 2],
    ['a', 3],
  ])
  expect(checkShape(named(v.number()), JSON.parse('{"__proto__": "x"}')).fault).toBe(
    '"__proto__": a number is wanted, and it is text',
  )
})
