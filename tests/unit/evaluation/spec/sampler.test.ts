import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { readAccelerator } from '../../../../src/core/adapters'
import { PackManifestSchema, PromptFileSchema } from '../../../../src/core/contracts'
import { variantOf } from '../../../../src/evaluation/plan/plan'
import { parametersOf } from '../../../../src/evaluation/share/recipe'
import { createRunSpec, type RecipePack } from '../../../../src/evaluation/spec/spec'
import { runId } from '../../../../src/evaluation/spec/specHash'

const read = (path: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../../public/packs/pictogram/${path}`, import.meta.url), 'utf8'))
const manifest = v.parse(PackManifestSchema, read('manifest.json'))
const prompts = manifest.prompts.flatMap(({ file }) => v.parse(PromptFileSchema, read(file.path)))
const accelerator = readAccelerator(read('accelerator.json'), manifest.model)
const pack: RecipePack = { manifest, manifestSha256: '0'.repeat(64), prompts, accelerator }

test('the fast sampler takes its steps and guidance from the pack’s accelerator, at every stage', () => {
  const spec = createRunSpec({ sampler: 'fast' }, pack)
  expect(spec.sampler).toMatchObject({
    numInferenceSteps: 2,
    guidanceScale: 1,
    accelerator: accelerator.file.sha256,
  })
  for (const stage of ['base', 'aligned', 'fine-tuned'] as const)
    expect(variantOf(spec, stage, null, null)).toMatchObject({ stage, accelerated: true })
  expect(runId(createRunSpec(parametersOf(spec, pack) ?? {}, pack))).toBe(runId(spec))
})

test('the full sampler is written as it always was', () => {
  const spec = createRunSpec({ sampler: 'full' }, pack)
  expect(Object.keys(spec.sampler)).toEqual(['scheduler', 'numInferenceSteps', 'guidanceScale', 'noise'])
  expect(variantOf(spec, 'base', null, null)).not.toHaveProperty('accelerated')
  expect(parametersOf(spec, pack)?.sampler).toBe('full')
})

test.each([
  ['steps', { steps: 4 }, /"steps" cannot be chosen together with the fast sampler/],
  ['guidance', { guidance: 2 }, /"guidance" cannot be chosen together with the fast sampler/],
  ['a method that acts through guidance', { method: 'sld-medium', profile: 'none' as const }, /acts through guidance/],
])('%s with the fast sampler is refused in one sentence', (_, options, sentence) => {
  expect(() => createRunSpec({ sampler: 'fast', ...options }, pack)).toThrow(sentence)
})

test('a pack without an accelerator has no fast sampler, and one of another base is refused', () => {
  expect(() => createRunSpec({ sampler: 'fast' }, { ...pack, accelerator: null })).toThrow(/has no fast sampler/)
  const other = { ...accelerator, baseSha256: 'f'.repeat(64) }
  expect(() => readAccelerator(other, manifest.model)).toThrow(/trained for another model/)
})

test('left to itself, a smoke or quick run is fast and a full one is full', () => {
  const drawn = (options: Parameters<typeof createRunSpec>[0], of = pack) =>
    createRunSpec(options, of).sampler.accelerator === undefined ? 'full' : 'fast'
  expect([drawn({}), drawn({ preset: 'smoke' }), drawn({ preset: 'full' }), drawn({ preset: 'custom' })]).toEqual([
    'fast',
    'fast',
    'full',
    'full',
  ])
  // What the fast sampler cannot do is done by the full one.
  expect(drawn({ steps: 4 })).toBe('full')
  expect(drawn({ guidance: 2 })).toBe('full')
  expect(drawn({ method: 'sld-medium', profile: 'none' })).toBe('full')
  expect(drawn({}, { ...pack, accelerator: null })).toBe('full')
})

test('a run keeps its sampler in words, whatever "auto" comes to mean', () => {
  for (const sampler of ['full', 'fast'] as const)
    expect(parametersOf(createRunSpec({ sampler }, pack), pack)?.sampler).toBe(sampler)
  expect(parametersOf(createRunSpec({}, pack), pack)?.sampler).toBe('fast')
})
