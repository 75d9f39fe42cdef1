/**
 * `npm run schema`: writes public/schema/report.schema.json, the JSON Schema of a Report with its record, from the
 * schemas that read stored runs. A test holds the file to them.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reportJsonSchema } from './jsonSchema'

const FILE = fileURLToPath(new URL('../../public/schema/report.schema.json', import.meta.url))

mkdirSync(dirname(FILE), { recursive: true })
writeFileSync(FILE, reportJsonSchema())
console.log(FILE)
