import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { ClosedFormAlignmentSchema, InferenceAlignmentSchema } from '../../../../src/core/contracts'
import {
  CLOSED_FORM,
  CLOSED_FORM_IDS,
  CLOSED_FORM_NUMBERS,
  closedFormMethod,
  COMPUTED_METHODS,
  computedMethod,
  GUIDANCE,
  GUIDANCE_IDS,
  guardFormat,
  SHIPPED,
  shippedName,
} from '../../../../src/core/methods'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { PARAMETERS } from '../../../../src/evaluation/spec/params'
import { alignmentName } from '../../../../src/state/page/names'
import { loadedPack } from '../../evaluation/fixture'

const pack = loadedPack()

test('the ids are those that links and stored runs have always had', () => {
  expect(COMPUTED_METHODS.slice(0, 4)).toEqual(['uce', 'rece', 'mace', 'speed'])
  expect(GUIDANCE_IDS.slice(0, 6)).toEqual([
    'negative-prompt',
    'sld-weak',
    'sld-medium',
    'sld-strong',
    'sld-max',
    'safree',
  ])
})

test('every row has a name of its own, one sentence of help and a source', () => {
  const rows = [...Object.values(CLOSED_FORM), ...Object.values(GUIDANCE)]
  expect(new Set([...rows, SHIPPED.rece].map(({ name }) => name)).size).toBe(rows.length + 1)
  for (const { name, help, source } of [...rows, ...Object.values(SHIPPED)]) {
    expect(name).not.toBe('')
    expect(help, name).toMatch(/^[A-Z].*[^.]\.$/)
    expect(help.slice(0, -1), name).not.toContain('. ')
    expect(source.paper, name).toMatch(/\d{4}/)
    if (source.arXiv !== null) expect(source.arXiv, name).toMatch(/^\d{4}\.\d{4,5}$/)
  }
})

describe('defaults', () => {
  test.each(CLOSED_FORM_IDS)('of %s lie within the limits', (id) => {
    for (const [name, value] of Object.entries(closedFormMethod(id).defaults)) {
      const { low, high, whole } = CLOSED_FORM_NUMBERS[name as keyof typeof CLOSED_FORM_NUMBERS]
      expect(value).toBeGreaterThanOrEqual(low)
      expect(value).toBeLessThanOrEqual(high)
      if (whole) expect(Number.isInteger(value)).toBe(true)
    }
  })

  test.each([
    ['uce', { eraseScale: 1, preserveScale: 1, lambda: 0.5, rounds: 1 }],
    ['rece', { eraseScale: 1, preserveScale: 0.1, lambda: 0.1, rounds: 3 }],
    ['mace', { eraseScale: 1, preserveScale: 1, lambda: 0.5, rounds: 1 }],
    ['speed', { eraseScale: 1, preserveScale: 0.7, lambda: 0.5, rounds: 1 }],
  ])('of %s are what a run takes when nothing is chosen', (method, expected) => {
    const spec = createRunSpec({ method, computed: true, profile: 'none' }, pack)
    expect(spec.alignment).toMatchObject({ kind: 'closed-form', method, ...expected })
    const own = { 'erase-scale': 2, 'preserve-scale': 3, lambda: 4, rounds: 5 }
    expect(createRunSpec({ method, computed: true, profile: 'none', ...own }, pack).alignment).toMatchObject({
      eraseScale: 2,
      preserveScale: 3,
      lambda: 4,
      rounds: method === 'rece' ? 5 : 1,
    })
  })
})

test('schemas and the help of a command take every row and nothing else', () => {
  const closed = { kind: 'closed-form', concepts: [], guide: '', preserve: [], eraseScale: 1, preserveScale: 1 }
  for (const id of COMPUTED_METHODS) {
    expect(computedMethod(id)).toBeDefined()
    expect(PARAMETERS.method.comment).toContain(id)
    const asClosed = v.is(ClosedFormAlignmentSchema, { ...closed, method: id, lambda: 1, rounds: 1 })
    const asGuidance = v.is(InferenceAlignmentSchema, {
      kind: 'inference',
      method: id,
      concepts: [],
      ...(id === 'best-of-n' ? { candidates: 4, guidedBy: 'a judge' } : {}),
      ...(guardFormat(id) ? { weights: 'a'.repeat(64) } : {}),
    })
    expect([asClosed, asGuidance]).toEqual([id in CLOSED_FORM, id in GUIDANCE])
  }
  expect(computedMethod('toString')).toBeUndefined()
  expect(v.is(InferenceAlignmentSchema, { kind: 'inference', method: 'magic', concepts: [] })).toBe(false)
  const guided = { kind: 'inference', concepts: [], candidates: 4, guidedBy: 'a judge' }
  expect(v.is(InferenceAlignmentSchema, { ...guided, method: 'sld-weak' })).toBe(false)
  expect(v.is(InferenceAlignmentSchema, { ...guided, method: 'best-of-n', guidedBy: undefined })).toBe(false)
  const redirected = { kind: 'inference', concepts: [], weights: 'a'.repeat(64) }
  expect(v.is(InferenceAlignmentSchema, { ...redirected, method: 'safree' })).toBe(false)
  expect(v.is(InferenceAlignmentSchema, { ...redirected, method: 'saferedir', weights: undefined })).toBe(false)
})

test("the recipe's RECE and the browser's go by different names", () => {
  const sha256 = 'a'.repeat(64)
  const computed = createRunSpec({ method: 'rece', computed: true, profile: 'none' }, pack).alignment
  expect(alignmentName(computed)).toBe('RECE')
  expect(alignmentName({ kind: 'pack', id: 'rece', sha256 })).toBe('RECE-held')
  expect(shippedName('method of another pack')).toBe('method of another pack')
})
