import { afterEach, describe, expect, test } from 'vitest'
import {
  bytes,
  count,
  date,
  duration,
  figure,
  interval,
  percent,
  points,
  tick,
  unit,
} from '../../../../src/state/page/format'
import { addressIn, firstLanguage, tagOf, type LanguageCode } from '../../../../src/state/page/languages'
import { followLocale } from '../../../../src/state/page/locale'
import { createTranslator, ENGLISH } from '../../../../src/state/page/translate'

describe('the language of a visit', () => {
  test('is the address’s before the stored one before the browser’s', () => {
    expect(firstLanguage('?lang=ar&preset=smoke', 'fr', ['es'])).toBe('ar')
    expect(firstLanguage('?preset=smoke', 'fr', ['es'])).toBe('fr')
    expect(firstLanguage('', null, ['de-CH', 'es-MX'])).toBe('es')
    expect(firstLanguage('', null, ['de'])).toBe('en')
  })

  test('that is not spoken here is passed over', () => {
    expect(firstLanguage('?lang=tlh', 'xx', ['hi-IN'])).toBe('hi')
  })

  test('writes dates as the browser’s variety of it, and one kind of digits', () => {
    expect(tagOf('en', ['fr', 'en-GB'])).toBe('en-GB')
    expect(tagOf('ar', ['ar-EG'])).toBe('ar-u-nu-latn')
  })

  test('replaces another one in the address, and is not put there unasked', () => {
    expect(addressIn('fr', 'https://a.example/x/?lang=ar&seed=3#run')).toBe('https://a.example/x/?lang=fr&seed=3#run')
    expect(addressIn('fr', 'https://a.example/x/?seed=3#run')).toBe('https://a.example/x/?seed=3#run')
  })
})

const score = { value: 0.5, low: 0.25, high: 0.75, n: 8 }

describe('figures', () => {
  const speak = (code: LanguageCode): void => {
    const french = createTranslator({
      sentences: [
        ['{0} to {1}', '{0} à {1}'],
        ['less than 1 s', 'moins de 1 s'],
      ],
      counted: { '{0} prompt': ['{0} consigne', '{0} consignes'] },
      formOf: (n) => Number(n >= 2),
    })
    const tag = tagOf(code, [])
    const spoken = { ...(code === 'fr' ? french : ENGLISH), tag, english: code === 'en', rightToLeft: code === 'ar' }
    followLocale(() => spoken)
  }
  afterEach(() => speak('en'))

  test('in French have a comma, a unit and a plural of their own', () => {
    speak('fr')
    expect(figure(12.47)).toBe('12,5')
    expect(unit(0.001)).toBe('<0,01')
    expect(percent(6.25)).toBe('6,3\u202f%')
    expect(points(12.5)).toBe('+12,5')
    expect(points(-12.5)).toBe('\u221212,5')
    expect(interval(score)).toBe('0,25 à 0,75')
    expect(duration(0.4)).toBe('moins de 1 s')
    expect(duration(75).replace(/\s/g, ' ')).toBe('1 min 15 s')
    expect(bytes(31_457_280).replace(/\s/g, ' ')).toBe('31,5 Mo')
    expect(date('2026-11-24T10:00:00Z', 'en')).toBe('24 novembre 2026')
    expect(count(1, 'prompt')).toBe('1 consigne')
    expect(count(1234, 'prompt')).toBe('1\u202f234 consignes')
    expect(tick(0.25)).toBe('0,25')
  })

  test('in Arabic keep their sign before them', () => {
    speak('ar')
    expect(points(12.5)).toBe('\u2066+12.5\u2069')
    expect(unit(0.001)).toBe('\u2066<0.01\u2069')
    expect(percent(6.25)).toBe('6.3%')
  })

  test('in English are written as in reports', () => {
    expect(duration(75)).toBe('1 min 15 s')
    expect(bytes(31_457_280)).toBe('31.5 MB')
    expect(tick(0.25)).toBe('0.25')
  })
})
