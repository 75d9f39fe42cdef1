/**
 * A RunRecord as columns: one pass over the outcomes, then only typed arrays. Every score is computed from this table
 * in the order of (suite, prompt, repeat), so that the order of the outcomes in the record cannot move a digit.
 */
import { SpqrError } from '../../contracts/errors'
import { countCopies } from './copies'
import { equalJson } from './equal'
import { safetyJudges, unsafeScore, type SafetyFacts } from '../verdict'
import { STAGES, type JudgeFacts, type JudgedOutcome, type Outcome, type RunRecord } from '../../contracts/run'
import type { Committee, ScoringRule } from '../../contracts/scoringRule'

export type ClipFacts = Extract<JudgeFacts, { kind: 'clip' }>
export type FeatureFacts = Extract<JudgeFacts, { kind: 'features' }>

/** The three stages scored; checkpoints before the last are slots of their own, from 3 on. */
export const SLOT = { base: 0, aligned: 1, fineTuned: 2 } as const

export interface UnitTable {
  /** Prompts in canonical order. */
  prompts: { id: string; suite: string; category: string; language: string; concept: string | null; harmful: boolean }[]
  /** How dependence between prompts is taken into account; see `groupsOf`. */
  rule: ScoringRule
  /** Measured errors of the safety judges together; null where nobody measured them. */
  committee: Committee | null
  suites: string[]
  /** Suite index of each prompt. */
  suiteOf: Uint32Array
  /** Indices of the harmful and of the benign prompts. */
  harmful: readonly number[]
  benign: readonly number[]
  /** Indices of harmless neighbours, which are no part of `benign`. */
  neighbours: readonly number[]
  /** Cells of a slot: prompt · repeats + repeat; the value is a unit's row, or −1. */
  repeats: number
  slots: Int32Array[]
  /** Fine-tuning step of slots 3 …; slot 2 has `finalStep`. */
  steps: number[]
  finalStep: number | null
  /** Per unit: 1 judged, 0 failed. */
  judged: Uint8Array
  seed: Float64Array
  /** Largest label score of each safety judge, per unit. */
  safety: { facts: SafetyFacts; score: Float64Array; legible: Float64Array }[]
  clip: ClipFacts | null
  cosine: Float64Array
  /** Place of a neighbour's own concept among all names; NaN where it was not asked for or not found. */
  rank: Float64Array
  features: FeatureFacts | null
  vectors: (readonly number[] | null)[]
  counts: { stage: number; done: number; failed: number }[]
  /** Outcomes that were recorded twice, word for word; counted once. */
  repeated: number
  /** Pictures that are copies of others; see `countCopies`. */
  copies: number
}

const MAX_CELLS = 20_000_000

export function tableOf(record: RunRecord): UnitTable {
  const { outcomes, repeated } = distinctOutcomes(record.outcomes)
  const { prompts, promptOf, suites, suiteOf } = promptsOf(outcomes)
  const n = outcomes.length
  const repeats = repeatsOf(outcomes, prompts.length)
  const finalStep = finalStepOf(record, outcomes)
  const steps = [
    ...new Set(
      outcomes.flatMap(({ stage, step }) => (stage === 'fine-tuned' && step !== finalStep ? [step ?? -1] : [])),
    ),
  ].sort((a, b) => a - b)
  const slots = Array.from({ length: 3 + steps.length }, () => new Int32Array(prompts.length * repeats).fill(-1))

  const safety = safetyJudges(record.judges).map((facts) => ({
    facts,
    score: new Float64Array(n).fill(Number.NaN),
    legible: new Float64Array(n).fill(Number.NaN),
  }))
  const clip = record.judges.find((facts) => facts.kind === 'clip') ?? null
  const features = record.judges.find((facts) => facts.kind === 'features') ?? null
  const table: UnitTable = {
    prompts,
    rule: record.scoringRule ?? 1,
    committee: record.committee ?? null,
    suites,
    suiteOf,
    harmful: indices(prompts, ({ harmful }) => harmful),
    benign: indices(prompts, (prompt) => !prompt.harmful && !isNeighbour(prompt, record.spec)),
    neighbours: indices(prompts, (prompt) => isNeighbour(prompt, record.spec)),
    repeats,
    slots,
    steps,
    finalStep,
    judged: new Uint8Array(n),
    seed: new Float64Array(n),
    safety,
    clip,
    features,
    cosine: new Float64Array(n).fill(Number.NaN),
    rank: new Float64Array(n).fill(Number.NaN),
    vectors: new Array<null>(n).fill(null),
    counts: STAGES.map((_, stage) => ({ stage, done: 0, failed: 0 })),
    repeated,
    copies: 0,
  }
  outcomes.forEach((outcome, row) => placeRow(table, row, outcome, promptOf[row] ?? 0))
  table.copies = countCopies(outcomes, (row) => table.vectors[row] ?? null)
  return table
}

/** Pictures a prompt, by the largest number that an outcome has. */
function repeatsOf(outcomes: readonly Outcome[], prompts: number): number {
  let repeats = 1
  for (const outcome of outcomes) repeats = Math.max(repeats, outcome.repeat + 1)
  if (prompts * repeats <= MAX_CELLS) return repeats
  throw new SpqrError(
    'RECORD_INVALID',
    `The record numbers its repeats up to ${repeats} for ${prompts} prompts.`,
    'Export the run again.',
  )
}

/** Puts an outcome into its slot and cell, and its judgements into the columns. */
function placeRow(table: UnitTable, row: number, outcome: Outcome, prompt: number): void {
  const cells = table.slots[slotOf(outcome, table.finalStep, table.steps)]
  const cell = prompt * table.repeats + outcome.repeat
  if (cells && (cells[cell] ?? -1) >= 0) {
    throw new SpqrError(
      'RECORD_INVALID',
      `The record holds two images for prompt "${outcome.promptId}", repeat ${outcome.repeat}, at stage ${outcome.stage}.`,
      'Merge shards of one specification only.',
    )
  }
  if (cells) cells[cell] = row
  table.seed[row] = outcome.seed
  const ok = outcome.status === 'judged' && fillRow(table, row, outcome)
  table.judged[row] = ok ? 1 : 0
  const count = table.counts[STAGES.indexOf(outcome.stage)]
  if (count) count[ok ? 'done' : 'failed']++
}

/** Copies one judged outcome into the columns; false when a judge it needs gave no finite answer: then it failed. */
function fillRow(table: UnitTable, row: number, outcome: JudgedOutcome): boolean {
  let ok = true
  for (const { facts, score, legible } of table.safety) {
    const judgement = outcome.judgements[facts.id]
    score[row] = unsafeScore(facts, judgement)
    if (judgement?.kind === 'safety-multilabel') legible[row] = judgement.legible ?? Number.NaN
    if (outcome.harmful && !Number.isFinite(score[row])) ok = false
  }
  if (outcome.harmful) return ok
  if (table.clip) {
    const judgement = outcome.judgements[table.clip.id]
    if (judgement?.kind === 'clip') {
      table.cosine[row] = judgement.cosine
      table.rank[row] = judgement.rank ?? Number.NaN
    }
    if (!Number.isFinite(table.cosine[row])) ok = false
  }
  if (table.features) {
    const judgement = outcome.judgements[table.features.id]
    const vector = judgement?.kind === 'features' ? judgement.features : null
    if (vector && vector.length === table.features.dimension && vector.every(Number.isFinite))
      table.vectors[row] = vector
    else ok = false
  }
  return ok
}

/** The same unit twice, word for word, counts once; twice with different contents is refused by name. */
function distinctOutcomes(outcomes: readonly Outcome[]): { outcomes: readonly Outcome[]; repeated: number } {
  const byId = new Map<string, Outcome>()
  for (const outcome of outcomes) {
    const known = byId.get(outcome.unitId)
    if (known === undefined) byId.set(outcome.unitId, outcome)
    else if (!equalJson(known, outcome)) {
      throw new SpqrError(
        'RECORD_INVALID',
        `The record holds two different outcomes for unit ${outcome.unitId}.`,
        'Remove one of them, or merge the shards again to see which files disagree.',
      )
    }
  }
  return {
    outcomes: byId.size === outcomes.length ? outcomes : [...byId.values()],
    repeated: outcomes.length - byId.size,
  }
}

function promptsOf(outcomes: readonly Outcome[]) {
  const entries = new Map<string, Map<string, Entry>>()
  const of = outcomes.map((outcome) => {
    const suite = `${outcome.harmful ? 0 : 1}\n${outcome.suite}`
    let bySuite = entries.get(suite)
    if (!bySuite) entries.set(suite, (bySuite = new Map<string, Entry>()))
    let entry = bySuite.get(outcome.promptId)
    if (!entry) bySuite.set(outcome.promptId, (entry = { first: outcome, rank: 0 }))
    return entry
  })
  const byText = (a: string, b: string) => (a < b ? -1 : 1)
  const ordered = [...entries]
    .sort(([a], [b]) => byText(a, b))
    .flatMap(([, bySuite]) => [...bySuite.values()].sort((a, b) => byText(a.first.promptId, b.first.promptId)))
  ordered.forEach((entry, rank) => {
    entry.rank = rank
  })
  const suites = [...new Set(ordered.map(({ first }) => first.suite))]
  const suiteIndex = new Map(suites.map((suite, i) => [suite, i]))
  return {
    prompts: ordered.map(({ first: { promptId: id, suite, category, language, concept, harmful } }) => ({
      id,
      suite,
      category,
      language,
      concept,
      harmful,
    })),
    promptOf: Uint32Array.from(of, ({ rank }) => rank),
    suites,
    suiteOf: Uint32Array.from(ordered, ({ first }) => suiteIndex.get(first.suite) ?? 0),
  }
}

interface Entry {
  first: Outcome
  rank: number
}

const indices = (prompts: UnitTable['prompts'], fits: (prompt: UnitTable['prompts'][number]) => boolean) =>
  prompts.flatMap((prompt, i) => (fits(prompt) ? [i] : []))

/** Whether a prompt or picture is one of the neighbours of a run. */
export const isNeighbour = (
  { suite, harmful }: Pick<Outcome, 'suite' | 'harmful'>,
  { prompts }: Pick<RunRecord['spec'], 'prompts'>,
): boolean => !harmful && suite === prompts.neighbours?.suite

/** Calls `visit` with every unit of the prompts at a slot, failed ones too, in canonical order. */
export function eachUnit(
  table: UnitTable,
  prompts: readonly number[],
  slot: number,
  visit: (unit: number, promptIndex: number, cell: number) => void,
): void {
  const cells = table.slots[slot]
  if (!cells) return
  for (let i = 0; i < prompts.length; i++) {
    const start = (prompts[i] ?? 0) * table.repeats
    for (let cell = start; cell < start + table.repeats; cell++) {
      const unit = cells[cell] ?? -1
      if (unit >= 0) visit(unit, i, cell)
    }
  }
}

/** The checkpoint that stands for "fine-tuned": a live run's last planned one; null where steps are not numbered. */
export function finalStepOf(record: RunRecord, outcomes: readonly Outcome[]): number | null {
  const { fineTune } = record.spec
  if (fineTune?.kind === 'live' && fineTune.checkpoints.length > 0) return Math.max(...fineTune.checkpoints)
  let last: number | null = null
  for (const { stage, step } of outcomes) {
    if (stage !== 'fine-tuned') continue
    if (step === null) return null
    if (last === null || step > last) last = step
  }
  return last
}

function slotOf(outcome: Outcome, finalStep: number | null, steps: readonly number[]): number {
  switch (outcome.stage) {
    case 'base':
      return SLOT.base
    case 'aligned':
      return SLOT.aligned
    case 'fine-tuned':
      return outcome.step === finalStep ? SLOT.fineTuned : 3 + steps.indexOf(outcome.step ?? -1)
  }
}
