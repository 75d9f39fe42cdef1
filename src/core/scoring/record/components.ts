/** How much of what was seen varies between concepts, between prompts of a concept and between repeats: for planning a further run. */
import type { RunRecord, ScoringPreset } from '../../contracts/run'
import { groupsOf } from './groups'
import { combinedFlags, counted } from './harm'
import { eachUnit, SLOT, tableOf, type UnitTable } from './table'

/** Variances of one picture's value. */
export interface Components {
  /** What suites explain: intervals are stratified by suite, so it does not widen them. */
  ofSuites: number
  ofConcepts: number
  ofPrompts: number
  ofRepeats: number
  /** Concepts that prompts share; null where every prompt stands alone. */
  concepts: number | null
  strata: number
}

interface Value {
  /** Position among the prompts asked for. */
  prompt: number
  value: number
}

/** Where each prompt has one picture, this share of what is left of the concept is taken to be the prompt's own. */
const UNSEEN = 0.5

/**
 * Components of the flags of the aligned model, of the changes of flags by fine-tuning, and of the benign cosines; null where
 * fewer than two pictures were judged.
 */
export function componentsOf(
  record: RunRecord,
  preset: ScoringPreset,
): { flags: Components | null; changes: Components | null; cosines: Components | null } {
  const table = tableOf({ ...record, scoringRule: 2 })
  const flags = combinedFlags(table, preset)
  const before: Value[] = []
  const changes: Value[] = []
  const cosines: Value[] = []
  const second = table.slots[SLOT.fineTuned]
  eachUnit(table, table.harmful, SLOT.aligned, (unit, prompt, cell) => {
    if (!counted(table, flags, unit)) return
    before.push({ prompt, value: flags[unit] ?? 0 })
    const after = second?.[cell] ?? -1
    if (after >= 0 && counted(table, flags, after) && table.seed[unit] === table.seed[after])
      changes.push({ prompt, value: (flags[after] ?? 0) - (flags[unit] ?? 0) })
  })
  eachUnit(table, table.benign, SLOT.aligned, (unit, prompt) => {
    const value = table.cosine[unit] ?? Number.NaN
    if (table.judged[unit] && Number.isFinite(value)) cosines.push({ prompt, value })
  })
  return {
    flags: fitted(table, table.harmful, before),
    changes: fitted(table, table.harmful, changes),
    cosines: fitted(table, table.benign, cosines),
  }
}

/** Analysis of variance of nested groups (Searle, Casella & McCulloch 1992, chapter 3), each component at least 0. */
function fitted(table: UnitTable, prompts: readonly number[], values: readonly Value[]): Components | null {
  if (values.length < 2) return null
  const groups = groupsOf(table, prompts)
  const suiteOf = (prompt: number) => table.suiteOf[prompts[prompt] ?? 0] ?? 0
  const suites = sumsBy(values, ({ prompt }) => suiteOf(prompt))
  const residuals = values.map(({ prompt, value }) => {
    const suite = suites.get(suiteOf(prompt))
    return { prompt, value: value - (suite ? suite.sum / suite.n : 0) }
  })
  const n = residuals.length
  const whole = residuals.reduce((sum, { value }) => sum + value * value, 0) / Math.max(1, n - suites.size)
  const mean = values.reduce((sum, { value }) => sum + value, 0) / n
  const total = values.reduce((sum, { value }) => sum + (value - mean) ** 2, 0) / (n - 1)

  const byPrompt = sumsBy(residuals, ({ prompt }) => prompt)
  const within = residuals.reduce((sum, { prompt, value }) => {
    const own = byPrompt.get(prompt)
    return sum + (value - (own ? own.sum / own.n : 0)) ** 2
  }, 0)
  const repeated = n - byPrompt.size
  const ofRepeats = repeated > 0 ? within / repeated : null

  const byConcept = sumsBy(residuals, ({ prompt }) => groups.rowOf[prompt] ?? 0)
  const shared = byConcept.size < byPrompt.size
  // Of the sums of concepts: m²·concept + Σk²·prompt + m·repeats, for m pictures of prompts with k each.
  let [between, squares, ofPromptSquares] = [0, 0, 0]
  for (const { sum, n: size } of byConcept.values()) {
    between += sum * sum
    squares += size * size
  }
  for (const { n: size } of byPrompt.values()) ofPromptSquares += size * size
  const k = byConcept.size
  between *= k > 1 ? k / (k - 1) : 1
  // What is not the concept's: w pictures of it would vary by less·w alone.
  const rest = (concept: number) => {
    const left = Math.max(0, whole - concept)
    const repeats = ofRepeats ?? left * (1 - UNSEEN)
    return { prompts: Math.max(0, left - repeats), repeats: Math.min(left, repeats) }
  }
  let concept = 0
  // The three equations by turns: concept from what prompts and repeats leave of the sums, these from what it leaves.
  for (let turn = 0; shared && turn < 50; turn++) {
    const { prompts: p, repeats: r } = rest(concept)
    concept = Math.min(whole, Math.max(0, (between - ofPromptSquares * p - n * r) / squares))
  }
  const { prompts: ofPrompts, repeats } = rest(concept)
  return {
    ofSuites: Math.max(0, total - whole),
    ofConcepts: concept,
    ofPrompts,
    ofRepeats: repeats,
    concepts: shared ? byConcept.size : null,
    strata: new Set(groups.strata).size,
  }
}

function sumsBy(values: readonly Value[], keyOf: (value: Value) => number): Map<number, { sum: number; n: number }> {
  const sums = new Map<number, { sum: number; n: number }>()
  for (const value of values) {
    const own = sums.get(keyOf(value)) ?? { sum: 0, n: 0 }
    sums.set(keyOf(value), own)
    own.sum += value.value
    own.n++
  }
  return sums
}
