/** The order of the shelf, and what its search finds. */
import { SHELF_SCORES, type ShelfEntry, type ShelfScore } from '../../core/contracts'

export type Sort = 'name' | 'addedAt' | ShelfScore | 'n'

/** Entries in which every word of the query stands somewhere: name, note, tags, methods, model. */
export function found(entries: readonly ShelfEntry[], query: string): readonly ShelfEntry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return entries
  return entries.filter(({ name, note, tags, facts, run }) => {
    const text = [name, note, ...tags, facts.model, facts.alignment, facts.fineTune, facts.sampler, run]
      .join('\n')
      .toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

const isScore = (by: Sort): by is ShelfScore => SHELF_SCORES.some((name) => name === by)

/** One for all comparisons: to make one takes longer than to use it. */
const inOrder = new Intl.Collator('en', { numeric: true })

export function sorted(
  entries: readonly ShelfEntry[],
  { by, descending }: { by: Sort; descending: boolean },
): ShelfEntry[] {
  const sign = descending ? -1 : 1
  const number = (entry: ShelfEntry): number | null =>
    isScore(by) ? (entry.scores[by]?.value ?? null) : entry.facts.done
  return [...entries].sort((a, b) => {
    if (by === 'name' || by === 'addedAt') return sign * inOrder.compare(a[by], b[by])
    const [left, right] = [number(a), number(b)]
    // Runs without the number stand last whichever way it is sorted.
    if (left === null || right === null) return Number(left === null) - Number(right === null)
    return sign * (left - right)
  })
}
