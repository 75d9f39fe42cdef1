/** What travels before the first finding of the demo, by the files that its own specification asks for. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { readAccelerator } from '../../src/core/adapters'
import { PackManifestSchema, PromptFileSchema, STAGES, type PackFile } from '../../src/core/contracts'
import { variantOf } from '../../src/evaluation/plan/plan'
import { defaultParameters } from '../../src/evaluation/spec/params'
import { createRunSpec } from '../../src/evaluation/spec/spec'
import { filesOf, filesOfJudges } from '../../src/runtime/ahead'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = join(root, 'public/packs/pictogram')
const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'))
const RUNTIME = join(root, 'public/ort/ort-wasm-simd-threaded.wasm')

test('the runtime travels packed, and is the same when it is unpacked', () => {
  const packed = readFileSync(`${RUNTIME}.packed`)
  expect(packed.length).toBeLessThan(4e6)
  expect(gunzipSync(packed).equals(readFileSync(RUNTIME))).toBe(true)
})

test('the demo asks for no more than its fast run needs', () => {
  const manifest = v.parse(PackManifestSchema, read('manifest.json'))
  const accelerator = readAccelerator(read('accelerator.json'), manifest.model)
  const prompts = manifest.prompts.flatMap(({ file }) => v.parse(PromptFileSchema, read(file.path)))
  const pack = { manifest, manifestSha256: '0'.repeat(64), prompts, accelerator }
  const spec = createRunSpec(defaultParameters(), pack)
  const stage = (name: (typeof STAGES)[number]): PackFile[] => filesOf(pack, variantOf(spec, name, null, null))
  const bytes = (files: readonly PackFile[]): number =>
    [...new Map(files.map((file) => [file.sha256, file.bytes])).values()].reduce((sum, one) => sum + one, 0)
  const runtime = statSync(`${RUNTIME}.packed`).size
  const first = bytes(stage('base')) + runtime
  // Harmful prompts are counted first, and their pictures are looked at by safety judges alone.
  const { safety, others } = filesOfJudges(pack, spec.judges)
  expect(others.length).toBeGreaterThan(0)
  const all = [...STAGES.flatMap(stage), ...safety]
  expect(spec.sampler.accelerator).toBeDefined()
  expect(all.map(({ path }) => path).filter((path) => path.startsWith('vae_'))).toEqual([])
  console.log(
    `first picture ${(first / 1e6).toFixed(1)} MB, first finding ${((bytes(all) + runtime) / 1e6).toFixed(1)} MB`,
  )
  // Uncompressed, as a plain server sends weights.
  expect(first).toBeLessThan(23.2e6)
  expect(bytes(all) + runtime).toBeLessThan(35e6)
})
