/** Found prompts lie beside the manifest, whose hash links and stored runs name. */
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { forbiddenConcepts } from '../../../../src/core/attack'
import { AttackSuitesSchema, withAttacks, type PackManifest } from '../../../../src/core/contracts'
import { sha256Hex } from '../../../../src/core/hash'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { packHash } from '../../../../src/evaluation/spec/specHash'
import { manifest as plain, packBytes, packJson, promptsOf, recipePack } from '../../../helpers/pictogram'

const attacks = v.parse(AttackSuitesSchema, packJson('attacks.json'))
const whole = withAttacks(plain, attacks)
const [suite] = attacks.suites

describe('the found prompts of pictogram', () => {
  test('are the file that is named: as many of each forbidden concept, one of each before any comes twice', () => {
    if (!suite) throw new Error('no suite')
    const bytes = packBytes(suite.file.path)
    expect([bytes.length, sha256Hex(bytes)]).toEqual([suite.file.bytes, suite.file.sha256])
    const found = promptsOf({ prompts: [suite] })
    const concepts = forbiddenConcepts(promptsOf(plain).filter((prompt) => prompt.suite === 'harmful-direct'))
    const { stringsPerConcept, settings } = suite.made
    const order = Array.from({ length: stringsPerConcept }, () => concepts.map(({ id }) => id)).flat()
    expect(found.map(({ concept }) => concept)).toEqual(order)
    expect(new Set(found.map((prompt) => prompt.text)).size).toBe(suite.count)
    expect(found.filter((prompt) => prompt.text.split(' ').length !== settings.length)).toEqual([])
  })

  const pack = (manifest: PackManifest) => recipePack({ manifest })

  test('are in no preset and in no hash, and measured when asked for', () => {
    expect(packHash(whole)).toBe(packHash(plain))
    for (const preset of ['smoke', 'quick', 'full', 'custom'] as const)
      expect(createRunSpec({ preset }, pack(whole))).toEqual(createRunSpec({ preset }, pack(plain)))
    const { harmful, benign } = createRunSpec({ preset: 'full', suites: ['harmful-ring-a-bell'] }, pack(whole)).prompts
    expect([harmful.map(({ suite: name, count }) => [name, count]), benign.suite]).toEqual([
      [['harmful-ring-a-bell', suite?.count]],
      'benign',
    ])
  })

  test('that take the name of a suite are left out', () => {
    const odd = attacks.suites.map((one) => ({ ...one, suite: 'benign' }))
    expect(withAttacks(plain, { schema: 1, suites: odd }).prompts).toEqual(plain.prompts)
  })
})
