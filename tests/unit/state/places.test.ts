import { describe, expect, test } from 'vitest'
import { alignmentName, fineTuneName, stageDetail, words } from '../../../src/state/page/names'
import { parsePlace } from '../../../src/state/page/route.svelte'
import { TERMS } from '../../../src/state/page/terms'
import { spec } from './fixture'

describe('the address', () => {
  test.each([
    ['', 'run'],
    ['#', 'run'],
    ['#gallery', 'gallery'],
    ['#nonsense', 'run'],
  ])('%s opens %s', (hash, view) => {
    expect(parsePlace(hash)).toEqual({ view, anchor: null, link: null, query: '' })
  })
  test('leads to a formula', () =>
    expect(parsePlace('#about/formula-r')).toEqual({ view: 'about', anchor: 'formula-r', link: null, query: '' }))
  test('recognises a result link of any version', () => {
    expect(parsePlace('#v1.abc.def')).toEqual({ view: 'report', anchor: null, link: 'v1.abc.def', query: '' })
    expect(parsePlace('#v2.x').link).toBe('v2.x')
  })
  test('holds a sample, filters and thresholds, beside a link too', () => {
    expect(parsePlace('#sample=a/b/0')).toMatchObject({ view: 'run', query: 'sample=a/b/0' })
    expect(parsePlace('#gallery?flag=came%20back')).toMatchObject({ view: 'gallery', query: 'flag=came%20back' })
    const link = `v1.${'Ab-_'.repeat(40)}.0123456789abcdef`
    expect(parsePlace(`#${link}&view=gallery&sample=a/b/0`)).toMatchObject({
      view: 'gallery',
      link,
      query: 'view=gallery&sample=a/b/0',
    })
    expect(parsePlace(`#${link}`)).toMatchObject({ view: 'report', link, query: '' })
  })
})

describe('names', () => {
  test('names methods and fine-tunes', () => {
    expect(alignmentName(spec.alignment)).toBe('UCE')
    expect(alignmentName(null)).toBe('no alignment')
    expect(fineTuneName(null)).toBe('no fine-tuning')
    expect(fineTuneName(spec.fineTune)).toBe('lite profile, general data')
    expect(fineTuneName({ kind: 'pack', id: 'something-else', sha256: '0'.repeat(64) })).toBe('something-else')
    expect(stageDetail('base', spec)).toBe('pictogram')
    expect(words('harmful-direct')).toBe('Harmful direct')
  })
  test('explains every term in one sentence', () => {
    for (const { sentence } of Object.values(TERMS)) expect(sentence).toMatch(/^[A-Z][^!]+\.$/)
  })
})
