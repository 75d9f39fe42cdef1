import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { readAccelerator } from '../../../src/core/adapters'
import { PackManifestSchema, PromptFileSchema, type PackFile } from '../../../src/core/contracts'
import { variantOf } from '../../../src/evaluation/plan/plan'
import { defaultParameters } from '../../../src/evaluation/spec/params'
import { createRunSpec } from '../../../src/evaluation/spec/spec'
import { filesOf, filesOfJudges, filesOfOpening } from '../../../src/runtime/ahead'
import { CHUNK_BYTES, type KeyValue } from '../../../src/runtime/storage/cache'
import { isStored } from '../../../src/wiring/stored'

const folder = fileURLToPath(new URL('../../../public/packs/pictogram/', import.meta.url))
const read = (name: string): unknown => JSON.parse(readFileSync(folder + name, 'utf8'))
const manifest = v.parse(PackManifestSchema, read('manifest.json'))
const accelerator = readAccelerator(read('accelerator.json'), manifest.model)
const prompts = manifest.prompts.flatMap(({ file }) => v.parse(PromptFileSchema, read(file.path)))
const pack = { manifest, manifestSha256: '0'.repeat(64), prompts, accelerator }
const spec = createRunSpec(defaultParameters(), pack)
const variant = (stage: 'base' | 'aligned' | 'fine-tuned') => variantOf(spec, stage, null, null)

/** A browser that holds these files. */
function holding(files: readonly PackFile[], changes: object = {}): KeyValue {
  const held = new Map<string, unknown>(
    files.map(({ sha256, bytes }) => {
      const chunks = Array.from({ length: Math.ceil(bytes / CHUNK_BYTES) }, () => 'a hash')
      return [`${sha256}/index`, { bytes, chunkBytes: CHUNK_BYTES, chunks, verified: true, ...changes }]
    }),
  )
  const unused = () => Promise.reject(new Error('nothing is written or listed'))
  return { get: (key) => Promise.resolve(held.get(key)), set: unused, delete: unused, keys: unused }
}
const { safety, others } = filesOfJudges(pack, spec.judges)
const base = [...filesOfOpening(pack), ...filesOf(pack, variant('base')), ...safety, ...others]

test('the base is here once every file of model, prompts, tokenizer, accelerator and judges is', async () => {
  expect(await isStored(holding(base), pack, variant('base'), spec.judges)).toBe(true)
  const files = [...new Map(base.map((file) => [file.sha256, file])).values()]
  expect(files).toContainEqual(accelerator.file)
  for (const file of files) {
    const rest = files.filter(({ sha256 }) => sha256 !== file.sha256)
    expect(await isStored(holding(rest), pack, variant('base'), spec.judges), file.path).toBe(false)
  }
})

test('a file that was not checked whole, or is of another length, is not here', async () => {
  for (const changes of [{ verified: false }, { bytes: 1 }, { chunkBytes: 1 }])
    expect(await isStored(holding(base, changes), pack, variant('base'), spec.judges)).toBe(false)
})

test('a later stage needs its adapters', async () => {
  expect(await isStored(holding(base), pack, variant('fine-tuned'), spec.judges)).toBe(false)
  const all = [...base, ...filesOf(pack, variant('fine-tuned'))]
  expect(await isStored(holding(all), pack, variant('fine-tuned'), spec.judges)).toBe(true)
})

test('a judge that chooses among pictures is asked for, and one that is unknown is not here', async () => {
  const alignment = { kind: 'inference', method: 'best-of-n', guidedBy: 'elsewhere' }
  const chosen = { ...variant('aligned'), alignment } as unknown as ReturnType<typeof variant>
  expect(await isStored(holding(base), pack, chosen, spec.judges)).toBe(false)
  expect(await isStored(holding(base), pack, variant('base'), ['elsewhere'])).toBe(false)
})
