/**
 * Suites that came after a pack's manifest, in `revisions.json` beside it and not inside it: links and stored runs name the
 * manifest by the hash of its bytes, and the suites in it keep the texts that they were measured with.
 */
import * as v from 'valibot'
import { PackPromptsSchema, type PackManifest } from './manifest'

export const RevisionsSchema = v.strictObject({
  schema: v.literal(1),
  suites: v.array(
    v.pipe(
      PackPromptsSchema,
      v.check(
        ({ revises, neighbourOf }) => (revises === undefined) !== (neighbourOf === undefined),
        'a suite must say what it revises, or whose neighbour it is',
      ),
    ),
  ),
})
export type Revisions = v.InferOutput<typeof RevisionsSchema>

/** The manifest with the later suites behind its own. One that belongs to no suite here, or takes a name, is left out. */
export function withRevisions(manifest: PackManifest, { suites }: Revisions): PackManifest {
  const own = new Map(manifest.prompts.map(({ suite, harmful }) => [suite, harmful]))
  const fitting = suites.filter(({ suite, harmful, revises, neighbourOf }) => {
    if (own.has(suite)) return false
    return neighbourOf === undefined ? own.has(revises ?? '') : !harmful && own.get(neighbourOf) === true
  })
  return { ...manifest, prompts: [...manifest.prompts, ...fitting] }
}
