import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { decoderSha256, readAccelerator } from '../../../../src/core/adapters'
import type { LoadedPack } from '../../../../src/core/contracts'
import { samplerAt, variantOf } from '../../../../src/evaluation/plan/plan'
import { assertSameModel } from '../../../../src/evaluation/run/resume'
import { readLinkParts } from '../../../../src/evaluation/share/mangled'
import { parametersOf } from '../../../../src/evaluation/share/recipe'
import { decodeShortLink } from '../../../../src/evaluation/share/shortLink'
import { createRunSpec } from '../../../../src/evaluation/spec/spec'
import { runId } from '../../../../src/evaluation/spec/specHash'
import { manifest, packBytes, packJson, recipePack } from '../../../helpers/pictogram'

const accelerator = readAccelerator(packJson('accelerator.json'), manifest.model)
const manifestSha256 = createHash('sha256').update(packBytes('manifest.json')).digest('hex')
const pack = recipePack({ manifestSha256, accelerator })
const loaded = { manifest, manifestSha256, accelerator } as LoadedPack
/** Of a training in the lesson, drawn by the fast sampler with the model's decoder. */
const OLD_FAST_LINK =
  '#s1.NZBNbsUgDITvEqlZ8SrH_AQWrHqMKAsHTBr1hURA1euX6qmrT_bMSKNZhvsI7doLnYMYMEpEa1I0iQzPU3_dhSs3H75ru86xFTqyr41ypBJf56M2vqs3MIZPDl_3deRWPcIbfigYn0wlH3l_FGrs4R0A1H-OOfppzF7imB8b52PPfjJjpfN-cvGJausNNDopowHAoElZqzZlpKXEQWspXewWJW0yswshaYXOuQkxAW2WI6stJDuIZZEgJK5i0S-oP3RKoVYBYrFKCYtGaBBOWzHNUxeHH6p9l-5HmK1efwE.d3968538551550f9'

test('the fast sampler takes its steps and guidance from the pack’s accelerator, at every stage', () => {
  const spec = createRunSpec({ sampler: 'fast' }, pack)
  expect(spec.sampler).toMatchObject({
    numInferenceSteps: 2,
    guidanceScale: 1,
    accelerator: accelerator.file.sha256,
    decoder: decoderSha256(accelerator),
  })
  for (const stage of ['base', 'aligned', 'fine-tuned'] as const)
    expect(variantOf(spec, stage, null, null)).toMatchObject({ stage, accelerated: true, smallDecoder: true })
  expect(runId(createRunSpec(parametersOf(spec, pack) ?? {}, pack))).toBe(runId(spec))
})

test('the full sampler is written as it always was', () => {
  const spec = createRunSpec({ sampler: 'full' }, pack)
  expect(Object.keys(spec.sampler)).toEqual(['scheduler', 'numInferenceSteps', 'guidanceScale', 'noise'])
  expect(variantOf(spec, 'base', null, null)).not.toHaveProperty('accelerated')
  expect(parametersOf(spec, pack)?.sampler).toBe('full')
})

test('a fast run that names no decoder keeps the model’s, in words and in its links', () => {
  const before = createRunSpec({ sampler: 'fast' }, { ...pack, accelerator: { ...accelerator, decoder: undefined } })
  expect(before.sampler).not.toHaveProperty('decoder')
  expect(variantOf(before, 'base', null, null)).not.toHaveProperty('smallDecoder')
  const parameters = parametersOf(before, pack)
  expect(parameters).toMatchObject({ sampler: 'fast', decoder: 'model' })
  expect(runId(createRunSpec(parameters ?? {}, pack))).toBe(runId(before))
  expect(() => assertSameModel(before, loaded)).not.toThrow()
  expect(parametersOf(createRunSpec({ sampler: 'fast' }, pack), pack)?.decoder).toBe('small')
})

test('short links of fast runs made before there was a small decoder name the same run for ever', () => {
  const old = decodeShortLink(readLinkParts(OLD_FAST_LINK))
  expect(old.parameters).toMatchObject({ sampler: 'fast', decoder: 'model' })
  expect(runId(createRunSpec(old.parameters, pack)).slice(0, 32)).toBe(old.run)
})

test('a decoder that the pack does not have, or another one, is refused', () => {
  const bare = { ...pack, accelerator: { ...accelerator, decoder: undefined } }
  expect(() => createRunSpec({ sampler: 'fast', decoder: 'small' }, bare)).toThrow(/has no small decoder/)
  expect(() => createRunSpec({ sampler: 'full', decoder: 'small' }, pack)).toThrow(/belongs to the fast sampler/)
  const spec = createRunSpec({ sampler: 'fast' }, pack)
  const other = { ...spec, sampler: { ...spec.sampler, decoder: 'f'.repeat(64) } }
  expect(() => assertSameModel(spec, loaded)).not.toThrow()
  expect(() => assertSameModel(other, loaded)).toThrow(/another accelerator/)
  expect(() => assertSameModel(spec, { ...loaded, accelerator: bare.accelerator })).toThrow(/another accelerator/)
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

test('the accelerator of the base alone is a change like a fine-tune: that stage alone is drawn by it', () => {
  const spec = createRunSpec({ method: 'esd-x', profile: 'accelerate' }, pack)
  expect(spec.fineTune).toEqual({
    kind: 'accelerate',
    sha256: accelerator.onBase?.sha256,
    numInferenceSteps: 2,
    guidanceScale: 1,
  })
  expect(samplerAt(spec, 'aligned')).toBe(spec.sampler)
  expect(spec.sampler).not.toHaveProperty('accelerator')
  expect(samplerAt(spec, 'fine-tuned')).toEqual({
    ...spec.sampler,
    numInferenceSteps: 2,
    guidanceScale: 1,
    accelerator: accelerator.onBase?.sha256,
  })
  expect(variantOf(spec, 'fine-tuned', null, null)).toEqual({
    stage: 'fine-tuned',
    step: null,
    alignment: spec.alignment,
    fineTune: { kind: 'accelerate' },
  })
  expect(runId(createRunSpec(parametersOf(spec, pack) ?? {}, pack))).toBe(runId(spec))
  expect(() => assertSameModel(spec, loaded)).not.toThrow()
  const other = { ...loaded, accelerator: { ...accelerator, onBase: accelerator.file } }
  expect(() => assertSameModel(spec, other)).toThrow(/another accelerator/)
})

test.each([
  ['the fast sampler', { sampler: 'fast' as const }, /adding it afterwards would change nothing/],
  ['a guidance method', { method: 'sld-medium' }, /acts through guidance, which an accelerator takes the place of/],
  ['a mitigation', { mitigation: 'ema' as const }, /./],
])('the accelerator after %s is refused in one sentence', (_, options, sentence) => {
  expect(() => createRunSpec({ profile: 'accelerate', ...options }, pack)).toThrow(sentence)
})

test('a pack without an accelerator of its base has none to add', () => {
  const bare = { ...pack, accelerator: { ...accelerator, onBase: undefined } }
  expect(() => createRunSpec({ profile: 'accelerate' }, bare)).toThrow(/trained on its base model alone/)
})
