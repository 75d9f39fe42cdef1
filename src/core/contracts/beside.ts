/** Suites that are described beside a manifest, as the page and the engine both take them. */
import { withAttacks, type AttackSuites } from './attack'
import type { PackManifest } from './manifest'
import { withRevisions, type Revisions } from './revisions'

/**
 * Suites of `revisions.json` and `attacks.json` that join a manifest, in this order; null: the pack has no such file. Of
 * several by one name the first is taken, in one file or in both.
 *
 * @returns the suites that join, and the name of each that is left out, once for each time
 */
export function suitesBeside(
  manifest: PackManifest,
  revisions: Revisions | null,
  attacks: AttackSuites | null,
): { suites: PackManifest['prompts']; leftOut: string[] } {
  const revised = withRevisions(manifest, revisions ?? { schema: 1, suites: [] })
  const whole = withAttacks(revised, attacks ?? { schema: 1, suites: [] })
  const taken = new Set<string>()
  const suites = whole.prompts.slice(manifest.prompts.length).filter(({ suite }) => {
    if (taken.has(suite)) return false
    taken.add(suite)
    return true
  })
  // The first mention of a name that is taken is not left out.
  const leftOut = [...(revisions?.suites ?? []), ...(attacks?.suites ?? [])]
    .map(({ suite }) => suite)
    .filter((suite) => !taken.delete(suite))
  return { suites, leftOut }
}
