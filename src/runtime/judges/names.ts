/** What a prompt judge is to tell a neighbour by: its own name among those of everything that the pack's own suites ask for. */
import { conceptName, isBeside, type PackManifest, type Prompt, type WorkUnit } from '../../core/contracts'
import type { JudgedPicture } from './judges'

interface Asked {
  manifest: Pick<PackManifest, 'prompts'>
  prompts: readonly Prompt[]
}

const known = new WeakMap<readonly Prompt[], Map<string, string[]>>()

/**
 * `own` and the names of all concepts of the suites in the manifest, in alphabetical order, so that no order of suites
 * moves a rank. Suites beside the manifest add none: no hash of the pack covers them, and a rank must not rest on them.
 */
function namesWith(own: string, { manifest, prompts }: Asked): string[] {
  const earlier = known.get(prompts) ?? new Map<string, string[]>()
  known.set(prompts, earlier)
  const names = earlier.get(own)
  if (names) return names
  const suites = new Set(manifest.prompts.flatMap((entry) => (isBeside(entry) ? [] : [entry.suite])))
  const covered = prompts.flatMap(({ suite, concept }) =>
    concept === null || !suites.has(suite) ? [] : [conceptName(concept)],
  )
  const made = [...new Set([...covered, own])].sort()
  earlier.set(own, made)
  return made
}

/** `named` for pictures of a suite of neighbours; nothing for all others. */
export function namedIn(
  asked: Asked,
  { suite, harmful, concept }: Pick<WorkUnit, 'suite' | 'harmful' | 'concept'>,
): Pick<JudgedPicture, 'named'> {
  const entry = asked.manifest.prompts.find((one) => one.suite === suite)
  if (harmful || concept === null || entry?.neighbourOf === undefined) return {}
  const own = conceptName(concept)
  return { named: { own, names: namesWith(own, asked) } }
}
