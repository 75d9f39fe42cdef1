/**
 * Newer wordings of a pack's prompt suites, in `revisions.json` beside the manifest and not inside it: links and stored runs
 * name the manifest by the hash of its bytes, and the suites in it keep the texts that they were measured with.
 */
import * as v from 'valibot'
import { PackPromptsSchema, type PackManifest } from './manifest'

export const RevisionsSchema = v.strictObject({
  schema: v.literal(1),
  suites: v.array(v.strictObject({ ...PackPromptsSchema.entries, revises: v.string() })),
})
export type Revisions = v.InferOutput<typeof RevisionsSchema>

/** The manifest with the revised suites behind its own. One that revises nothing here, or takes a name, is left out. */
export function withRevisions(manifest: PackManifest, { suites }: Revisions): PackManifest {
  const names = new Set(manifest.prompts.map(({ suite }) => suite))
  const fitting = suites.filter(({ suite, revises }) => names.has(revises) && !names.has(suite))
  return { ...manifest, prompts: [...manifest.prompts, ...fitting] }
}
