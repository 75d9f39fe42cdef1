import { describe, expect, test, vi } from 'vitest'
import {
  bytes,
  count,
  date,
  duration,
  figure,
  interval,
  percent,
  points,
  pValue,
  unit,
  within,
} from '../../../../src/state/page/format'
import { followLocale, locale } from '../../../../src/state/page/locale'

describe('figure', () => {
  test.each([
    [0.9428, '0.94'],
    [0, '0.00'],
    [1, '1.00'],
    [3.2104, '3.21'],
    [12.47, '12.5'],
    [123.4, '123'],
    [-0.6, '\u22120.60'],
    [-0.001, '0.00'],
    [1175.4, '1180'],
  ])('writes %d as %s', (value, text) => expect(figure(value)).toBe(text))
  test.each([0.012345, 3.21098, 45.678, 987.6, 12345])('gives %d at most three significant digits', (value) => {
    const digits = figure(value, 3)
      .replace(/\D/g, '')
      .replace(/^0+|0+$/g, '')
    expect(digits.length).toBeLessThanOrEqual(3)
  })
})

describe('scores, shares and differences', () => {
  test('never writes half an interval as nothing', () => {
    expect(within(0.031)).toBe('±0.03')
    expect(within(0.0001)).toBe('less than ±0.01')
    expect(within(0.01, 1)).toBe('less than ±0.1')
  })
  test('never writes a positive score as nothing', () => {
    expect(unit(1e-9)).toBe('<0.01')
    expect(unit(0)).toBe('0.00')
    expect(unit(0.005)).toBe('0.01')
  })
  test('writes shares with one decimal', () => expect(percent(6.25)).toBe('6.3\u202f%'))
  test('signs differences, and zero not', () => {
    expect(points(12.47)).toBe('+12.5')
    expect(points(-3.1)).toBe('\u22123.1')
    expect(points(0.01)).toBe('0.0')
  })
  test('writes intervals, and none for a missing score', () => {
    expect(interval({ value: 0.9, low: 0.85, high: 0.95, n: 64 })).toBe('0.85 to 0.95')
    expect(interval({ value: null, low: null, high: null, n: 0, reason: 'none' })).toBe('')
    // "<0.01 to <0.01" says nothing to anybody.
    expect(interval({ value: 1e-9, low: 1e-12, high: 2e-6, n: 64 })).toBe('0 to 0.01')
    expect(interval({ value: 0.004, low: 0.001, high: 0.2, n: 64 })).toBe('<0.01 to 0.20')
  })
  test.each([
    [0.00004, 'p < 0.001'],
    [0.0123, 'p = 0.012'],
    [0.5, 'p = 0.50'],
    [1, 'p = 1.00'],
  ])('writes p %d', (p, text) => expect(pValue(p)).toBe(text))
})

describe('quantities', () => {
  test.each([
    [0.4, 'less than 1 s'],
    [59, '59 s'],
    [75, '1 min 15 s'],
    [120, '2 min'],
    [3725, '1 h 2 min'],
  ])('writes %d seconds', (seconds, text) => expect(duration(seconds)).toBe(text))
  test.each([
    [999, '999 B'],
    [1500, '1.5 kB'],
    [31_457_280, '31.5 MB'],
    [2.6e9, '2.6 GB'],
  ])('writes %d bytes', (size, text) => expect(bytes(size)).toBe(text))
  test('counts', () => {
    expect(count(1, 'prompt')).toBe('1 prompt')
    expect(count(64, 'category', 'categories')).toBe('64 categories')
  })
  test('writes dates, and leaves what is no date', () => {
    expect(date('2026-11-24T03:00:00.000Z', 'en')).toBe('November 24, 2026')
    expect(date('someday')).toBe('someday')
  })
})

test('a list of hundreds of figures makes no format twice', () => {
  const english = locale()
  followLocale(() => ({ ...english, english: false, tag: 'fr' }))
  const Real = Intl.NumberFormat
  const made = vi.spyOn(Intl, 'NumberFormat').mockImplementation(function (...given) {
    return new Real(...given)
  })
  try {
    const written = Array.from({ length: 300 }, (_, i) => [
      figure(i / 300),
      percent(i / 3),
      duration(i),
      bytes(1500 + i),
    ])
    expect(written[150]?.join('; ').replaceAll(/\s/g, ' ')).toBe('0,50; 50,0 %; 2 min 30 s; 1,7 ko')
    expect(made.mock.calls.length).toBeLessThan(20)
  } finally {
    made.mockRestore()
    followLocale(() => english)
  }
})
