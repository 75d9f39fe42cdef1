import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { defaultParameters } from '../../../../src/evaluation/spec/params'
import { ALSO_LOCKABLE, LOCKABLE, Teach } from '../../../../src/state/lesson/teach.svelte'
import { fieldName } from '../../../../src/state/page/fields'

const FORM = fileURLToPath(new URL('../../../../src/ui/settings/', import.meta.url))
const teach = (values = defaultParameters()) => new Teach({ readJson: async () => null }, { values })

/** Settings that the components of the form name in their source. */
function namesInForm(): string[] {
  const code = readdirSync(FORM).map((file) => readFileSync(FORM + file, 'utf8'))
  const fields = code.flatMap((text) => [...text.matchAll(/<(?:NumberField|SelectField)[^>]*?\bname="([\w-]+)"/gs)])
  const set = code.flatMap((text) => [...text.matchAll(/settings\.set\('([\w-]+)'/g)])
  return [...new Set([...fields, ...set].map(([, name]) => name ?? ''))].sort()
}

test('every setting that the form has can be locked, and has a name in words', () => {
  const lockable: readonly string[] = [...LOCKABLE, ...ALSO_LOCKABLE]
  const form = namesInForm()
  expect(form.length).toBeGreaterThan(30)
  expect(form.filter((name) => !lockable.includes(name))).toEqual([])
  expect(new Set(lockable).size).toBe(lockable.length)
  expect(lockable.map(fieldName).filter((name) => /^[a-z]/.test(name))).toEqual([])
})

test('a link carries what was chosen, or everything as it is set under Run', () => {
  const chosen = teach({ ...defaultParameters(), suites: ['harmful-jailbreak'], n: 12 })
  chosen.locks = ['suites']
  chosen.method = 'uce'
  expect(chosen.query).toBe('?lesson=1&method=uce&lock=suites')
  chosen.own = true
  expect(chosen.query).toBe('?lesson=1&suites=harmful-jailbreak&n=12&lock=suites')
})
