/** The published JSON Schema is the one that the schemas give, and stored Reports fit the schema it comes from. */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { reportJsonSchema } from '../../../src/cli/jsonSchema'
import { ReportSchema } from '../../../src/core/contracts'
import { stored } from '../evaluation/publish/sources'

test('public/schema/report.schema.json is what `npm run schema` writes', () => {
  expect(readFileSync(new URL('../../../public/schema/report.schema.json', import.meta.url), 'utf8')).toBe(
    reportJsonSchema(),
  )
})

test('Reports of earlier versions and the recorded run fit; a Report with a wrong field does not', () => {
  const recorded = JSON.parse(readFileSync(new URL('../../../public/recorded/demo.json', import.meta.url), 'utf8')) as {
    report: unknown
  }
  for (const report of [stored('esd-x'), stored('uce-live'), recorded.report]) {
    expect(v.safeParse(ReportSchema, report).success).toBe(true)
  }
  for (const change of [{ id: 7 }, { counts: {} }, { drift: { value: 1 } }, { notes: 'none' }]) {
    expect(v.safeParse(ReportSchema, { ...stored('esd-x'), ...change }).success).toBe(false)
  }
})

test('the schema requires what a Report always has, and allows what later versions add', () => {
  const schema = JSON.parse(reportJsonSchema()) as {
    required: string[]
    properties: object
    additionalProperties?: boolean
  }
  expect(schema.required).toEqual(expect.arrayContaining(['schema', 'id', 'scores', 'record']))
  expect(schema.required).not.toContain('slice')
  expect(schema.additionalProperties).not.toBe(false)
  expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(Object.keys(stored('esd-x'))))
})
