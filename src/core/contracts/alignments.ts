/**
 * Alignments that came after a pack's manifest, in `alignments.json` beside it and not inside it: links and stored runs name
 * the manifest by the hash of its bytes. A run that takes one names its file by SHA-256, as it names one of the manifest.
 */
import * as v from 'valibot'
import { PackAdapterSchema, type PackAdapter, type PackManifest } from './manifest'

export const AlignmentsSchema = v.strictObject({
  schema: v.literal(1),
  adapters: v.pipe(
    v.array(
      v.pipe(
        PackAdapterSchema,
        v.check(({ role, on }) => role === 'alignment' && on === null, 'only alignments of the base stand here'),
      ),
    ),
    v.maxLength(100),
  ),
})
export type Alignments = v.InferOutput<typeof AlignmentsSchema>

/**
 * The alignments that join a manifest, in order; null: the pack has no such file.
 * @returns those whose id is free, and the ids of the others, which are left out
 */
export function alignmentsBeside(
  manifest: PackManifest,
  alignments: Alignments | null,
): { adapters: PackAdapter[]; leftOut: string[] } {
  const taken = new Set(manifest.adapters.map(({ id }) => id))
  const [adapters, leftOut]: [PackAdapter[], string[]] = [[], []]
  for (const adapter of alignments?.adapters ?? []) {
    if (taken.has(adapter.id)) leftOut.push(adapter.id)
    else adapters.push(adapter)
    taken.add(adapter.id)
  }
  return { adapters, leftOut }
}
