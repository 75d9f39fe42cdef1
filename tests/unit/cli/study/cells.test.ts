import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { OPTIONS } from '../../../../src/cli/study/board'
import { cellsOf } from '../../../../src/cli/study/cells'
import { PROFILES, PackManifestSchema, SCENARIOS } from '../../../../src/core/contracts'

const manifest = v.parse(
  PackManifestSchema,
  JSON.parse(readFileSync(new URL('../../../../public/packs/pictogram/manifest.json', import.meta.url), 'utf8')),
)
const cellsFor = (options: Partial<typeof OPTIONS>) => cellsOf({ ...OPTIONS, ...options }, manifest)

describe('what a study evaluates', () => {
  test('every profile on all data, unless named; the accelerator only when it is', () => {
    const { cells, plain } = cellsFor({ methods: 'uce' })
    expect(cells.map(({ profile, scenario }) => `${profile} ${scenario}`)).toEqual(
      SCENARIOS.flatMap((scenario) => PROFILES.map((profile) => `${profile} ${scenario}`)),
    )
    expect(plain).toBe(true)
  })
  test('the accelerator once a method, and not where guidance is what makes it safe', () => {
    const { cells, left } = cellsFor({ methods: 'none,uce,sld-max,safree', profiles: 'accelerate' })
    expect(cells.map(({ method, profile, scenario }) => [method, profile, scenario])).toEqual([
      ['none', 'accelerate', 'general'],
      ['uce', 'accelerate', 'general'],
      ['safree', 'accelerate', 'general'],
    ])
    expect(left).toEqual(['sld-max'])
    expect(cellsFor({ methods: 'uce,sld-max', profiles: 'lite,accelerate' }).left).toEqual(['sld-max × accelerate'])
  })
  test.each([{ sampler: 'fast' }, { 'held-out': '64' }, { mitigations: 'ema' }])(
    'an accelerator is not trained, and not drawn by itself: %o',
    (wrong) => {
      expect(() => cellsFor({ profiles: 'accelerate', ...wrong })).toThrow('An accelerator is added, not trained')
    },
  )
  test('what leaves nothing to evaluate says so', () => {
    for (const wrong of [{ scenarios: 'multilingual' }, { methods: 'sld-max' }])
      expect(() => cellsFor({ profiles: 'accelerate', methods: 'uce', ...wrong })).toThrow('nothing to evaluate')
  })
  test('what is not known is named', () => {
    expect(() => cellsFor({ methods: 'uce,esdx' })).toThrow('There is no method "esdx".')
    expect(() => cellsFor({ sampler: 'slow' })).toThrow('There is no sampler "slow".')
  })
})
