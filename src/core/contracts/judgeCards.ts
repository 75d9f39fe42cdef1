/**
 * Judges that ship as a description: where their files are published, or how they are made on one's own machine. A
 * description names files by path alone; bytes and hashes come from the source when it is asked.
 */
import * as v from 'valibot'
import { SpqrError } from './errors'
import { JudgeSchema, type Judge } from './judges'
import { checkShape, isObject, shortened } from './outside'
import type { PackFile } from './parts'
import type { ChosenFile } from './repository'
import type { ModelAddress } from './sources'

export const JudgeCardSchema = v.strictObject({
  schema: v.literal(1),
  /** The published files, as `hf:owner/name@revision`; null where there are none that a browser can run. */
  address: v.nullable(v.string()),
  /** The command that makes them, and what it needs; null where nothing has to be made. */
  make: v.nullable(v.string()),
  judge: v.looseObject({
    id: v.string(),
    title: v.string(),
    licence: v.string(),
    source: v.string(),
    axis: v.picklist(['S', 'P', 'Q']),
    kind: v.string(),
    note: v.optional(v.string()),
  }),
})
export type JudgeCard = v.InferOutput<typeof JudgeCardSchema>

/** Where a judge's files are, and what they are when the source does not say it itself (a card's description). */
export interface JudgeChoice {
  /** The description of a card, its files named by path alone; null: the source's own manifest.json. */
  description: unknown
  source:
    /** `token` stays in memory and goes to the endpoint alone. */
    | { kind: 'address'; address: ModelAddress; endpoint: string; token: string | null }
    /** A folder on disk, read in place. */
    | { kind: 'folder'; name: string; files: readonly ChosenFile[] }
}

/** A reference of the user's own for the quality judge; its features stay with whoever read it. */
export interface ReferenceChoice {
  name: string
  sha256: string
  /** Pictures behind it; 0 where only mean and covariance are known. */
  n: number
  dimension: number
  moments: boolean
}

const isPathAlone = (value: Record<string, unknown>): value is { path: string } =>
  typeof value.path === 'string' && Object.keys(value).length === 1

/** Paths that a description names without bytes and hash. */
export function openPaths(description: unknown): string[] {
  if (Array.isArray(description)) return description.flatMap(openPaths)
  if (!isObject(description)) return []
  return isPathAlone(description) ? [description.path] : Object.values(description).flatMap(openPaths)
}

/**
 * The judge of a description, its files completed from `files`.
 * @throws SpqrError MANIFEST_INVALID naming the file or the field that is wrong
 */
export function completeJudge(description: unknown, files: ReadonlyMap<string, PackFile>): Judge {
  const id =
    isObject(description) && typeof description.id === 'string' ? description.id.slice(0, 80) : 'without a name'
  const complete = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(complete)
    if (!isObject(value)) return value
    if (!isPathAlone(value))
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, complete(part)]))
    const file = files.get(value.path)
    if (!file)
      throw new SpqrError(
        'MANIFEST_INVALID',
        `The source of judge ${id} has no file "${shortened(value.path)}".`,
        'It was published in another layout; export the judge with the scripts under models/judges.',
      )
    return file
  }
  const { value: judge, fault } = checkShape(JudgeSchema, complete(description))
  if (fault === null) return judge
  throw new SpqrError(
    'MANIFEST_INVALID',
    `The manifest of judge ${id} is wrong at ${fault}.`,
    'Export it again with the scripts under models/judges.',
  )
}
