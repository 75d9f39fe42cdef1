/** Prompt sets of the user's own in IndexedDB; checked by schema when they are read again. */
import * as v from 'valibot'
import { PromptFileSchema, SpqrError } from '../../core/contracts'
import type { PromptSetStore, StoredPromptSet } from '../../core/prompts'
import { idbKeyValue, type KeyValue } from './cache'

export const PROMPT_DATABASE = 'spqr-prompts'

const counts = v.record(v.string(), v.number())
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
})

export function createPromptStore(store: KeyValue = idbKeyValue(PROMPT_DATABASE)): PromptSetStore {
  return {
    async list() {
      const sets: StoredPromptSet[] = []
      try {
        for (const suite of await store.keys()) {
          const set = v.safeParse(StoredSchema, await store.get(suite))
          if (set.success) sets.push(set.output)
        }
      } catch {
        // Storage that cannot be opened (private window) holds nothing.
      }
      return sets.sort((a, b) => a.acknowledged.localeCompare(b.acknowledged))
    },
    async put(set) {
      try {
        await store.set(set.suite, set)
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
