/** SafeRedir-style and PromptSafe-style in a specification: the network is named by hash, and nothing is trained or guided in its place. */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import {
  AlignmentsSchema,
  PackManifestSchema,
  PromptFileSchema,
  alignmentsBeside,
  type PackManifest,
} from '../../../../src/core/contracts'
import { parametersOf } from '../../../../src/evaluation/share/recipe'
import { createRunSpec, runId, type RecipePack } from '../../../../src/evaluation/spec/spec'
import { methodsToChoose } from '../../../../src/state/settings/offers'

const PACK = 'public/packs/pictogram/'
const json = (path: string): unknown => JSON.parse(readFileSync(PACK + path, 'utf8'))
const bare = v.parse(PackManifestSchema, json('manifest.json'))
const { adapters } = alignmentsBeside(bare, v.parse(AlignmentsSchema, json('alignments.json')))
const prompts = bare.prompts.flatMap(({ file }) => v.parse(PromptFileSchema, json(file.path)))
const packOf = (manifest: PackManifest): RecipePack => ({
  manifest,
  manifestSha256: '0'.repeat(64),
  prompts,
  accelerator: null,
})
const pack = packOf({ ...bare, adapters: [...bare.adapters, ...adapters] })
const GUARDS = [
  ['saferedir', 'redirector'],
  ['promptsafe', 'soft-prompt'],
] as const

describe.each(GUARDS)('%s', (method, format) => {
  const network = adapters.find((one) => one.format === format)!
  const own = { method, profile: 'none' } as const

  test('a run names the network, and its parameters give the same run again', () => {
    const spec = createRunSpec(own, pack)
    const { sha256 } = network.file
    expect(spec.alignment).toEqual({ kind: 'inference', method, concepts: [], weights: sha256 })
    expect(runId(createRunSpec(parametersOf(spec, pack)!, pack))).toBe(runId(spec))
    const other = { ...network, file: { ...network.file, sha256: 'f'.repeat(64) } }
    expect(runId(createRunSpec(own, packOf({ ...bare, adapters: [other] })))).not.toBe(runId(spec))
  })

  test('a model without the network is told so, and its form does not offer it', () => {
    expect(() => createRunSpec(own, packOf(bare))).toThrow('needs a network that was trained with the model')
    expect(methodsToChoose(bare).guidance).not.toContain(method)
    const offered = methodsToChoose(pack.manifest)
    expect([offered.guidance.includes(method), offered.pack.some(({ id }) => id === method)]).toEqual([true, false])
  })

  test('a network of another kind is refused', () => {
    const foreign = { ...network, format: format === 'redirector' ? 'soft-prompt' : 'redirector' } as const
    expect(() => createRunSpec(own, packOf({ ...bare, adapters: [foreign] }))).toThrow('none that this version knows')
  })

  test('what works with a change of weights is refused', () => {
    const live = { ...own, train: 'lite', profile: undefined, mitigation: 're-add' } as const
    expect(() => createRunSpec(live, pack)).toThrow('none that changes any')
  })
})
