/** Suites beside a manifest: the page and the engine take the same, each name once, and what is left out is told. */
import * as v from 'valibot'
import { expect, test } from 'vitest'
import {
  AttackSuitesSchema,
  RevisionsSchema,
  suitesBeside,
  type AttackSuites,
  type Revisions,
} from '../../../../src/core/contracts'
import { manifest, packJson } from '../../../helpers/pictogram'

const revisions = v.parse(RevisionsSchema, packJson('revisions.json'))
const attacks = v.parse(AttackSuitesSchema, packJson('attacks.json'))
const revised = (...suites: Revisions['suites']): Revisions => ({ schema: 1, suites })
const found = (...suites: AttackSuites['suites']): AttackSuites => ({ schema: 1, suites })
const namesIn = (suites: readonly { suite: string }[]) => suites.map(({ suite }) => suite)
const [one, attack] = [revisions.suites[0]!, attacks.suites[0]!]

test('those of pictogram all join, revised ones first; a pack without the files has none', () => {
  const { suites, leftOut } = suitesBeside(manifest, revisions, attacks)
  expect([namesIn(suites), leftOut]).toEqual([namesIn([...revisions.suites, ...attacks.suites]), []])
  expect(suitesBeside(manifest, null, null)).toEqual({ suites: [], leftOut: [] })
})

test('a name is taken once: by the first in a file, and by the revised before the found', () => {
  const later = { ...one, file: { ...one.file, path: 'other.json' } }
  const same = suitesBeside(manifest, revised(one, later), found({ ...attack, suite: one.suite }, attack, attack))
  expect(namesIn(same.suites)).toEqual([one.suite, attack.suite])
  expect(same.suites[0]?.file).toEqual(one.file)
  expect(same.leftOut).toEqual([one.suite, one.suite, attack.suite])
})

test('what takes a name of the manifest, or belongs to nothing, is left out and named', () => {
  const odd = suitesBeside(manifest, revised({ ...one, revises: 'nothing' }), found({ ...attack, suite: 'benign' }))
  expect(odd).toEqual({ suites: [], leftOut: [one.suite, 'benign'] })
})
