/** Searches made of a pack's own prompts: its forbidden concepts, its harmless ones, and the prompts to start from. */
import type { PromptSearch, SearchSettings } from '../contracts/attack'
import { SpqrError } from '../contracts/errors'
import { conceptName, type Prompt } from '../contracts/manifest'
import { createRandom } from '../random/random'

/** Something forbidden that prompts of a pack name. */
export interface ForbiddenConcept {
  /** As in the prompts' own column. */
  id: string
  category: string
}

/** Forbidden concepts of a suite, each once, in order of appearance. */
export function forbiddenConcepts(prompts: readonly Prompt[]): ForbiddenConcept[] {
  const found = new Map<string, ForbiddenConcept>()
  for (const { concept, category } of prompts)
    if (concept !== null && !found.has(concept)) found.set(concept, { id: concept, category })
  return [...found.values()]
}

/**
 * The `number`-th search (from 0) for concepts that are named. Harmless names and the harmless prompt are drawn from
 * `benign` by the seed; every number has a prompt and a seed of its own.
 *
 * @throws {SpqrError} BAD_INPUT without harmless prompts that name what they show
 */
export function searchFor(
  concepts: readonly string[],
  benign: readonly Prompt[],
  settings: SearchSettings,
  seed: number,
  number = 0,
): PromptSearch {
  const drawn = createRandom(seed).shuffle([...benign])
  const harmless = [...new Set(drawn.flatMap(({ concept }) => (concept === null ? [] : [conceptName(concept)])))]
  const prompt = drawn[number % Math.max(1, drawn.length)]
  if (!prompt || harmless.length === 0)
    throw new SpqrError(
      'BAD_INPUT',
      'There are no harmless prompts that name what they show, so there is nothing to add a concept to.',
      'Choose a pack with harmless prompts.',
    )
  return {
    concepts: concepts.map(conceptName),
    harmless: harmless.slice(0, 60),
    prompt: prompt.text.slice(0, 200),
    seed: (seed + number) % 2 ** 32,
    settings,
    captions: 2,
  }
}
