/** What is resampled together: prompts, or clusters of prompts that share a concept, within strata of suites. */
import type { UnitTable } from './table'

export interface Groups {
  /** The row of each of the prompts asked for. */
  rowOf: Uint32Array
  rows: number
  /** Stratum of each row. */
  strata: Uint32Array
}

/**
 * Rule 1: every prompt is a row of its own, in the stratum of its suite. Rule 2: harmful or benign prompts of one concept
 * are one row, because a model that draws a concept in one picture tends to draw it in the next; a row's stratum is the
 * set of suites its concept stands in. Prompts without a concept are rows of their own, and so are all prompts of a part
 * of the run that holds one concept only: it is a statement about that concept.
 */
export function groupsOf(table: UnitTable, prompts: readonly number[]): Groups {
  const suiteOf = (prompt: number) => table.suiteOf[prompt] ?? 0
  const each = (): Groups => ({
    rowOf: Uint32Array.from(prompts, (_, i) => i),
    rows: prompts.length,
    strata: Uint32Array.from(prompts, suiteOf),
  })
  if (table.rule === 1) return each()
  const index = new Map<string, number>()
  const suites: Set<number>[] = []
  const rowOf = Uint32Array.from(prompts, (prompt) => {
    const concept = table.prompts[prompt]?.concept ?? null
    const key = concept === null ? `prompt ${prompt}` : `concept ${concept}`
    const row = index.get(key) ?? suites.length
    if (row === suites.length) {
      index.set(key, row)
      suites.push(new Set())
    }
    suites[row]?.add(suiteOf(prompt))
    return row
  })
  return suites.length < 2 ? each() : { rowOf, rows: suites.length, strata: strataOf(suites) }
}

/** One stratum per set of suites; sets that only one row has are taken together, since one row shows no spread. */
export function strataOf(suites: readonly ReadonlySet<number>[]): Uint32Array {
  const keys = suites.map((set) => [...set].sort((a, b) => a - b).join(' '))
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  const alone = keys.filter((key) => counts.get(key) === 1)
  // A single row that is left over joins the largest stratum.
  const largest = [...counts].reduce((most, one) => (one[1] > most[1] ? one : most))[0]
  const names = keys.map((key) => (counts.get(key) === 1 ? (alone.length > 1 ? 'alone' : largest) : key))
  const order = [...new Set(names)]
  return Uint32Array.from(names, (name) => order.indexOf(name))
}
