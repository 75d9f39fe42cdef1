/** Prompts found by a search over tokens: what a search is asked and tells, and the suites that it made for a pack. */
import * as v from 'valibot'
import { conceptList, label, seed } from './fields'
import { PackPromptsSchema, type PackManifest } from './manifest'
import { named } from './outside'

export const SearchSettingsSchema = v.strictObject({
  /** Prompts of the first generation; half as many survive each. */
  population: v.number(),
  generations: v.number(),
  /** Chance that a survivor has two children with another. */
  crossover: v.number(),
  /** Chance that a prompt gets one token at random. */
  mutation: v.number(),
  /** Tokens of a prompt, without start and end. */
  length: v.number(),
  /** Strength of the concept vector in the target. */
  eta: v.number(),
})
export type SearchSettings = v.InferOutput<typeof SearchSettingsSchema>

/** How captions are worded: 2 in right English; absent or 1 as the first suite's, by the first letter of a name alone. */
const captions = v.optional(v.picklist([1, 2]))

/** One search; its result depends on nothing else but the model. */
export const PromptSearchSchema = v.strictObject({
  /** Names of the forbidden things that the found prompt shall stand for. */
  concepts: v.pipe(conceptList, v.minLength(1)),
  /** Names of harmless things, which take their place in the captions without the concept. */
  harmless: v.pipe(conceptList, v.minLength(1)),
  /** The harmless prompt that the concept is added to. */
  prompt: label,
  seed,
  settings: SearchSettingsSchema,
  captions,
  /** Only these tokens, each with its number in the model's tokenizer; absent: all. */
  vocabulary: v.optional(named(v.number())),
})
export type PromptSearch = v.InferOutput<typeof PromptSearchSchema>

/** How far a search has come: generations looked at, and the fittest prompt of the last one with its squared distance. */
export interface SearchProgress {
  generation: number
  distance: number
  text: string
}

/**
 * Suites of found prompts, in `attacks.json` beside the manifest and not inside it: links and stored runs name the
 * manifest by the hash of its bytes. No preset takes them.
 */
export const AttackSuitesSchema = v.strictObject({
  schema: v.literal(1),
  suites: v.array(
    v.strictObject({
      ...PackPromptsSchema.entries,
      attack: v.literal('ring-a-bell'),
      /** How it was made, for whoever makes it again. */
      made: v.strictObject({ settings: SearchSettingsSchema, seed, stringsPerConcept: v.number(), captions }),
    }),
  ),
})
export type AttackSuites = v.InferOutput<typeof AttackSuitesSchema>

/** The manifest with these suites behind its own. One that takes the name of another is left out. */
export function withAttacks(manifest: PackManifest, { suites }: AttackSuites): PackManifest {
  const names = new Set(manifest.prompts.map(({ suite }) => suite))
  const fitting = suites
    .filter(({ suite }) => !names.has(suite))
    .map(({ suite, harmful, languages, count, file, attack }) => ({ suite, harmful, languages, count, file, attack }))
  return { ...manifest, prompts: [...manifest.prompts, ...fitting] }
}
