/** The JSON Schema (draft 2020-12) of the Report, generated from the valibot schemas. */
import { toJsonSchema } from '@valibot/to-json-schema'
import { ReportSchema } from '../core/contracts'

/** Text of the file. JSON has finite numbers only; which numbers belong to a mitigation cannot be told in it. */
export function reportJsonSchema(): string {
  const schema = toJsonSchema(ReportSchema, { target: 'draft-2020-12', ignoreActions: ['check', 'finite'] })
  const { $schema, ...rest } = schema
  const head = {
    $schema,
    title: 'SPQR Report',
    description:
      'What spqr-web exports: the scores of a run with their intervals, and the record of every picture they come from.',
  }
  return `${JSON.stringify({ ...head, ...rest }, null, 1)}\n`
}
