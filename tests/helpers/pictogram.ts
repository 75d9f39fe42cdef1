/** The pack that the page ships, read from the repository as unit tests of recipes want it. */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { PackManifestSchema, PromptFileSchema, type PackManifest, type Prompt } from '../../src/core/contracts'
import type { RecipePack } from '../../src/evaluation/spec/spec'

const PUBLIC = new URL('../../public/', import.meta.url)

/** A file of the built page's folder, by its path there. */
export const publicJson = (path: string): unknown => JSON.parse(readFileSync(new URL(path, PUBLIC), 'utf8'))
/** A file of the pack, by its path in it. */
export const packBytes = (path: string): Buffer => readFileSync(new URL(`packs/pictogram/${path}`, PUBLIC))
export const packJson = (path: string): unknown => JSON.parse(packBytes(path).toString('utf8'))

export const manifest = v.parse(PackManifestSchema, packJson('manifest.json'))
export const promptsOf = ({ prompts }: Pick<PackManifest, 'prompts'>): Prompt[] =>
  prompts.flatMap(({ file }) => v.parse(PromptFileSchema, packJson(file.path)))
/** What a specification is made from: the shipped manifest or one of yours, its prompts, no accelerator unless given. */
export const recipePack = <Change extends Partial<RecipePack>>(change?: Change) => ({
  manifest,
  manifestSha256: '0'.repeat(64),
  prompts: promptsOf(change?.manifest ?? manifest),
  accelerator: null,
  ...change,
})
