/** Prompt sets of the user's own in IndexedDB; checked by schema when they are read again. */
import * as v from 'valibot'
import { PromptFileSchema, SpqrError, named } from '../../core/contracts'
import { hashOf } from '../../core/hash'
import type { PromptSetStore, StoredPromptSet } from '../../core/prompts'
import { idbKeyValue, type KeyValue } from './cache'

export const PROMPT_DATABASE = 'spqr-prompts'

const counts = named(v.number())
const StoredSchema = v.strictObject({
  suite: v.string(),
  format: v.picklist(['CSV', 'JSON', 'JSONL']),
  prompts: PromptFileSchema,
  rows: v.number(),
  categories: counts,
  languages: counts,
  notes: v.array(v.string()),
  file: v.string(),
  harmful: v.boolean(),
  seed: v.number(),
  acknowledged: v.string(),
  /** Of everything else; versions before 0.2 stored none. */
  sha256: v.optional(v.string()),
})

/** @param onDamage told of a set that is not as it was stored, and so is left out */
export function createPromptStore(
  store: KeyValue = idbKeyValue(PROMPT_DATABASE),
  onDamage: (error: SpqrError) => void = () => undefined,
): PromptSetStore {
  const read = async (suite: string): Promise<StoredPromptSet | null> => {
    const parsed = v.safeParse(StoredSchema, await store.get(suite))
    if (parsed.success) {
      const { sha256, ...set } = parsed.output
      if (sha256 === undefined || sha256 === hashOf(set)) return set
    }
    onDamage(
      new SpqrError(
        'PROMPTS_INVALID',
        `The stored prompts "${suite}" were damaged and are left out.`,
        'Add the prompt file again.',
      ),
    )
    return null
  }
  return {
    async list() {
      const sets: StoredPromptSet[] = []
      try {
        for (const suite of await store.keys()) {
          const set = await read(suite)
          if (set) sets.push(set)
        }
      } catch {
        // Storage that cannot be opened (private window) holds nothing.
      }
      return sets.sort((a, b) => a.acknowledged.localeCompare(b.acknowledged))
    },
    async put(set) {
      try {
        await store.set(set.suite, { ...set, sha256: hashOf(set) })
      } catch {
        throw new SpqrError(
          'STORAGE_FULL',
          `The prompts of "${set.suite}" could not be stored, so they are here for this visit only.`,
          'Make room in Storage, or allow this site to store data.',
        )
      }
    },
    remove: (suite) => store.delete(suite),
  }
}
