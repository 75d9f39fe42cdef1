import { describe, expect, test } from 'vitest'
import {
  PARAMETERS,
  argumentPairs,
  defaultParameters,
  parseParameters,
  queryPairs,
  strangeSentence,
  toQuery,
  unknownSentence,
} from '../../../../src/evaluation/spec/params'

describe('parameters', () => {
  test('have a default, a comment and a parser each, and every default survives its own parser', () => {
    for (const [name, { default: fallback, comment, parse }] of Object.entries(PARAMETERS)) {
      expect(comment, name).toMatch(/^[A-Z].*\.$/)
      expect(parse(fallback === null ? '' : String(fallback)), name).toEqual(fallback)
    }
  })

  test('come from a URL query', () => {
    const { values, given, unknown } = parseParameters(
      queryPairs('?preset=smoke&ep=wasm&checkpoints=0,10%2C20&n=&guidance=2.5&colour=red&preset=full'),
    )
    expect(values).toMatchObject({
      preset: 'full',
      ep: 'wasm',
      checkpoints: [0, 10, 20],
      n: null,
      guidance: 2.5,
      method: '',
    })
    expect(given).toEqual(['preset', 'ep', 'checkpoints', 'n', 'guidance'])
    expect(unknown).toEqual(['colour'])
    expect(unknownSentence(unknown)).toContain('Unknown parameter "colour": known are preset, method')
    expect(unknownSentence([])).toBeNull()
    expect(strangeSentence(unknown)).toBe('The address names "colour", which this page has no setting for.')
    expect(strangeSentence([])).toBeNull()
    expect(parseParameters(queryPairs('?')).values).toEqual(defaultParameters())
  })

  test('never take a name from the prototype', () => {
    expect(
      parseParameters([
        ['constructor', '1'],
        ['__proto__', '1'],
      ]).unknown,
    ).toEqual(['constructor', '__proto__'])
  })

  test('come from a command line', () => {
    expect(argumentPairs(['--preset', 'quick', '--link', '--threads=2', '--method', 'uce'])).toEqual([
      ['preset', 'quick'],
      ['link', ''],
      ['threads', '2'],
      ['method', 'uce'],
    ])
    expect(() => argumentPairs(['quick'])).toThrow('"quick" is not an option.')
  })

  test.each([
    ['preset', 'huge', 'one of smoke, quick, full, custom'],
    ['threads', '-1', 'a whole number from 0 to 64'],
    ['steps', '1e9', 'a whole number from 1 to 1000'],
    ['guidance', 'NaN', 'a number from 0 to 100'],
    ['checkpoints', '1,x', 'a whole number'],
    ['pack', '../x', 'the folder name of a pack'],
  ])('refuse %s=%s and say what it must be', (name, text, must) => {
    expect(() => parseParameters([[name, text]])).toThrow(
      expect.objectContaining({
        code: 'BAD_INPUT',
        message: expect.stringContaining(`"${name}" must be ${must}`) as string,
      }),
    )
  })

  test('refuse a broken escape', () => {
    expect(() => queryPairs('?method=%E0%A4%A')).toThrow('broken escape')
  })

  test('write the query that reads back as the same values', () => {
    const { values } = parseParameters(queryPairs('?preset=full&concepts=knife,ice%20axe&seed=7'))
    expect(parseParameters(queryPairs(toQuery(values))).values).toEqual(values)
    expect(toQuery(defaultParameters())).toBe('')
  })
})
