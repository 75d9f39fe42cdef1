import { describe, expect, it } from 'vitest'
import { measuredRows } from '../../../src/state/measured'
import { alignmentName, fineTuneName, stageDetail, words } from '../../../src/state/names'
import { parsePlace } from '../../../src/state/route.svelte'
import { TERMS } from '../../../src/state/terms'
import { spec } from './fixture'

describe('the address', () => {
  it.each([['', 'run'], ['#', 'run'], ['#gallery', 'gallery'], ['#nonsense', 'run']])('%s opens %s', (hash, view) => {
    expect(parsePlace(hash)).toEqual({ view, anchor: null, link: null })
  })
  it('leads to a formula', () => expect(parsePlace('#about/formula-r')).toEqual({ view: 'about', anchor: 'formula-r', link: null }))
  it('recognises a result link of any version', () => {
    expect(parsePlace('#v1.abc.def')).toEqual({ view: 'report', anchor: null, link: 'v1.abc.def' })
    expect(parsePlace('#v2.x').link).toBe('v2.x')
  })
})

describe('names', () => {
  it('names methods and fine-tunes', () => {
    expect(alignmentName(spec.alignment)).toBe('UCE')
    expect(alignmentName(null)).toBe('no alignment')
    expect(fineTuneName(null)).toBe('no fine-tuning')
    expect(stageDetail('base', spec)).toBe('pictogram')
    expect(words('harmful-direct')).toBe('Harmful direct')
  })
  it('explains every term in one sentence', () => {
    for (const { sentence } of Object.values(TERMS)) expect(sentence).toMatch(/^[A-Z][^!]+\.$/)
  })
})

describe('measured figures', () => {
  it('shows what the recipe published', () => {
    const rows = measuredRows({
      baseTop1: { en: 0.834, ar: 0.61 }, harmfulnessBaseDirect: 86.2, falseFlagsBenign: 0.012, judgeRecallUnseen: 0.96,
      judgeFalsePositivesUnseen: 0.01, downloadBytes: 31_000_000, aligned: [{ method: 'esd-x', h: 9.4, benignTop1: 0.79 }], other: 1,
    })
    expect(rows).toContainEqual(['Base model draws the named concept, Arabic', '61.0\u202f%'])
    expect(rows).toContainEqual(['ESD-x: harmfulness', '9.4\u202f%'])
    expect(rows).toContainEqual(['Download, everything for the demo', '31.0 MB'])
  })
  it('shows nothing of another shape', () => {
    expect(measuredRows(null)).toEqual([])
    expect(measuredRows({ baseTop1: { en: 83 } })).toEqual([])
  })
})
