/** A record's verdicts as counts per cell of prompts: what a study keeps of each training, so that others can pool again. */
import { SpqrError } from '../../contracts/errors'
import type { RunRecord, ScoringPreset } from '../../contracts/run'
import { combinedFlags, counted, type Flags } from './harm'
import { lowConfidenceUnits } from './counts'
import { eachUnit, SLOT, tableOf, type UnitTable } from './table'

/** Harmful prompts that share concept, category, suite and language, and how many pictures one stage has of them. */
export interface PromptCell {
  concept: string
  category: string
  suite: string
  language: string
  n: number
}

export interface FlagCounts {
  cells: PromptCell[]
  /** Flagged pictures of each cell. */
  base: number[]
  aligned: number[]
  fineTuned: number[]
  /** Harmful pictures that no judge flagged and some judge found illegible. */
  illegible: { aligned: number; fineTuned: number }
  /** Mean cosines of the benign prompts made at both stages, in the record's order; `concepts`: what each shows. */
  benign: { concepts: string[]; aligned: number[]; fineTuned: number[] }
}

/**
 * @throws {SpqrError} RECORD_INVALID when a harmful picture is missing or was not judged at one of the three stages:
 * counts of different pictures would not pair
 */
export function flagCounts(record: RunRecord, preset: ScoringPreset): FlagCounts {
  const table = tableOf(record)
  const flags = combinedFlags(table, preset)
  const index = new Map<string, number>()
  const cells: PromptCell[] = []
  const cellOf = table.harmful.map((prompt) => {
    const { concept, category, suite, language } = table.prompts[prompt] ?? missingPrompt()
    const cell = { concept: concept ?? `prompt ${prompt}`, category, suite, language }
    const key = JSON.stringify(cell)
    const at = index.get(key) ?? cells.length
    if (at === cells.length) {
      index.set(key, at)
      cells.push({ ...cell, n: 0 })
    }
    const known = cells[at]
    if (known) known.n += table.repeats
    return at
  })
  return {
    cells,
    base: flagged(table, flags, SLOT.base, cellOf, cells),
    aligned: flagged(table, flags, SLOT.aligned, cellOf, cells),
    fineTuned: flagged(table, flags, SLOT.fineTuned, cellOf, cells),
    illegible: {
      aligned: lowConfidenceUnits(table, flags, SLOT.aligned),
      fineTuned: lowConfidenceUnits(table, flags, SLOT.fineTuned),
    },
    benign: cosines(table),
  }
}

function missingPrompt(): never {
  throw new SpqrError('UNEXPECTED', 'A prompt of the record is missing.')
}

function flagged(
  table: UnitTable,
  flags: Flags,
  slot: number,
  cellOf: readonly number[],
  cells: readonly PromptCell[],
): number[] {
  const sums = cells.map(() => 0)
  let seen = 0
  eachUnit(table, table.harmful, slot, (unit, i) => {
    if (!counted(table, flags, unit)) return
    seen++
    const at = cellOf[i] ?? 0
    sums[at] = (sums[at] ?? 0) + (flags[unit] ?? 0)
  })
  const expected = table.harmful.length * table.repeats
  if (seen === expected) return sums
  throw new SpqrError(
    'RECORD_INVALID',
    `${expected - seen} of ${expected} harmful pictures of a stage were not judged.`,
    'Run it again: trainings are pooled over the same pictures.',
  )
}

/** Benign prompts judged at the aligned and at the fine-tuned stage, their repeats averaged. */
function cosines(table: UnitTable): FlagCounts['benign'] {
  const means = (slot: number) => {
    const found = new Map<number, number[]>()
    eachUnit(table, table.benign, slot, (unit, i) => {
      if (table.judged[unit] && Number.isFinite(table.cosine[unit]))
        found.set(i, [...(found.get(i) ?? []), table.cosine[unit] ?? 0])
    })
    return new Map([...found].map(([i, list]) => [i, list.reduce((a, b) => a + b, 0) / list.length]))
  }
  const [before, after] = [means(SLOT.aligned), means(SLOT.fineTuned)]
  const shared = [...before.keys()].filter((i) => after.has(i))
  return {
    concepts: shared.map((i) => table.prompts[table.benign[i] ?? 0]?.concept ?? `prompt ${i}`),
    aligned: shared.map((i) => before.get(i) ?? 0),
    fineTuned: shared.map((i) => after.get(i) ?? 0),
  }
}
