/** What a prompt judge is to tell a neighbour by: its own name among those of everything that the pack's prompts ask for. */
import type { PackManifest, Prompt, WorkUnit } from '../../core/contracts'
import type { JudgedPicture } from './judges'

interface Asked {
  manifest: Pick<PackManifest, 'prompts'>
  prompts: readonly Prompt[]
}

const known = new WeakMap<readonly Prompt[], string[]>()

/** "kitchen-knife" → "kitchen knife", as alignments name a concept too. */
const nameOf = (concept: string): string => concept.replaceAll('-', ' ')

/** Names of all concepts of a pack's prompts, in alphabetical order, so that no order of suites moves a rank. */
function namesIn(prompts: readonly Prompt[]): string[] {
  const earlier = known.get(prompts)
  if (earlier) return earlier
  const names = [...new Set(prompts.flatMap(({ concept }) => (concept === null ? [] : [nameOf(concept)])))].sort()
  known.set(prompts, names)
  return names
}

/** `named` for pictures of a suite of neighbours; nothing for all others. */
export function namedIn(
  { manifest, prompts }: Asked,
  { suite, harmful, concept }: Pick<WorkUnit, 'suite' | 'harmful' | 'concept'>,
): Pick<JudgedPicture, 'named'> {
  const entry = manifest.prompts.find((one) => one.suite === suite)
  if (harmful || concept === null || entry?.neighbourOf === undefined) return {}
  return { named: { own: nameOf(concept), names: namesIn(prompts) } }
}
