/** Miniatures of published models (models/export/fixtures.py) as a source, and the pictures diffusers makes of them. */
import * as v from 'valibot'
import { readSafetensors, type SafetensorsFile } from '../../src/core/adapters'
import { SCHEDULER_TYPES } from '../../src/core/contracts'
import { DiskFolderSource, type DiskFile, type ModelSource } from '../../src/runtime/published/sources'
import type { PublishedFiles } from '../../src/runtime/published/published'

const FactsSchema = v.strictObject({
  prompts: v.array(v.string()),
  seeds: v.array(v.number()),
  runs: v.array(
    v.strictObject({ scheduler: v.picklist(SCHEDULER_TYPES), steps: v.number(), guidanceScale: v.number() }),
  ),
})
export type FamilyFacts = v.InferOutput<typeof FactsSchema>
export interface FamilyFiles {
  name: string
  disk: DiskFile[]
  facts: FamilyFacts
  golden: SafetensorsFile
}

/** Files of every miniature; Vite lists them, so that none is forgotten. */
const LISTED = Object.keys(import.meta.glob('../golden/families/*/**/*', { query: '?url' })).map((path) =>
  path.replace('../golden/families/', ''),
)
const BASE = new URL('/tests/golden/families/', location.origin).href

/** A file beside the miniatures. */
export async function bytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(BASE + path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

export async function family(name: string): Promise<FamilyFiles> {
  const own = LISTED.filter((path) => path.startsWith(`${name}/`))
  const disk = await Promise.all(
    own.map(async (path) => ({ path: path.slice(name.length + 1), blob: new Blob([await bytes(path)]) })),
  )
  const facts = v.parse(FactsSchema, JSON.parse(new TextDecoder().decode(await bytes(`${name}.json`))))
  return { name, disk, facts, golden: readSafetensors(await bytes(`${name}.safetensors`)) }
}

export function sourceOf(
  { name, disk }: FamilyFiles,
  change: (files: DiskFile[]) => DiskFile[] = (files) => files,
): ModelSource {
  return new DiskFolderSource(name, change(disk))
}

export function filesOf(source: ModelSource): PublishedFiles {
  return {
    blob: ({ path }) => {
      const blob = source.local(path)
      return blob ? Promise.resolve(blob) : Promise.reject(new Error(`no file ${path}`))
    },
  }
}

/** Peak signal-to-noise ratio of two pictures of bytes, in decibels; infinite when they are equal. */
export function psnr(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length || a.length === 0) throw new Error(`Lengths differ: ${a.length} and ${b.length}.`)
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2
  return 10 * Math.log10(255 ** 2 / (sum / a.length))
}
