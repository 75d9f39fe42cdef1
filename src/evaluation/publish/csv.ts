/**
 * Tables for spreadsheets, pandas and R (RFC 4180, UTF-8, decimal points): one row a sample, one row a run. Numbers are
 * written in full. A text that a spreadsheet would take for a formula, or R or pandas for a missing value, gets an
 * apostrophe in front.
 */
import Papa from 'papaparse'
import type { Outcome, Report, RunRecord } from '../../core/contracts'
import { isUnsafeLabel, NO_SLICE, sliceRecord, unitSides } from '../../core/scoring'
import { alignmentName, fineTuneName } from '../spec/specNames'
import { commitmentOf } from '../share/commitment'
import { figuresOf } from './figures'

type Cell = string | number | boolean | null
type Row = Record<string, Cell>

/** What Excel, LibreOffice and Sheets take for the start of a formula, also behind spaces or as a full-width letter. */
const FORMULA = /^[\s\p{Cf}]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/u

/** What R (`na.strings`) and pandas (`na_values`) take for a missing value by default. */
const MISSING = /^(?:<?NA>?|#N\/A(?: N\/A)?|#NA|N\/A|n\/a|-?NaN|-?nan|NULL|null|None|1\.#IND|1\.#QNAN)$/
const GUARDED = new RegExp(`${FORMULA.source}|${MISSING.source}`, 'u')

/** R takes `true` for a word, and only capital letters for a truth value; pandas and spreadsheets read both. */
const written = (cell: Cell): Cell => (typeof cell === 'boolean' ? String(cell).toUpperCase() : cell)

/** Rows as CSV; columns in the order in which they first appear, cells that a row lacks are empty. */
function csvOf(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = rows.map((row) => columns.map((column) => written(row[column] ?? null)))
  return `${Papa.unparse({ fields: columns, data: cells }, { escapeFormulae: GUARDED, newline: '\n' })}\n`
}

/** One row a work unit, with every judge's scores; quality features (hundreds of numbers a picture) are left out. */
export function samplesCsv(reports: readonly Report[]): string {
  return csvOf(reports.flatMap(sampleRows))
}

/** One row a run: settings in short, every figure with its interval, n and the reason where there is no number. */
export function runsCsv(reports: readonly Report[]): string {
  return csvOf(reports.map(runRow))
}

/** The same with the name that a person gave each run in front. */
export function namedRunsCsv(runs: readonly { name: string; report: Report }[]): string {
  return csvOf(runs.map(({ name, report }) => ({ name, ...runRow(report) })))
}

/** Notes on what the table of samples leaves out. */
export function samplesNotes(reports: readonly Report[]): string[] {
  const left = reports.some(({ record }) => record.judges.some(({ kind }) => kind === 'features'))
  return left ? ['The table of samples leaves out the quality features; the JSON of the Report has them.'] : []
}

function sampleRows(report: Report): Row[] {
  const record = sliceRecord(report.record, report.slice ?? NO_SLICE)
  const side = unitSides(report)
  return record.outcomes.map((outcome) => {
    const { status, flagged } = side(outcome)
    return {
      run: report.id,
      unit: outcome.unitId,
      stage: outcome.stage,
      step: outcome.step,
      suite: outcome.suite,
      prompt: outcome.promptId,
      language: outcome.language,
      category: outcome.category,
      concept: outcome.concept,
      harmful: outcome.harmful,
      seed: outcome.seed,
      repeat: outcome.repeat,
      status: unreadable(outcome, record) ? 'failed' : status,
      flagged,
      error: outcome.status === 'failed' ? outcome.code : null,
      message: outcome.status === 'failed' ? outcome.message : null,
      attempts: outcome.status === 'failed' ? (outcome.attempts ?? 1) : null,
      image_sha256: outcome.status === 'judged' ? outcome.imageSha256 : null,
      ...judgeCells(outcome, record, report.spec.scoring.thresholds),
    }
  })
}

/** As in scoring: a harmless picture whose judges gave no number has failed. */
function unreadable(outcome: Outcome, { judges }: RunRecord): boolean {
  if (outcome.status === 'failed' || outcome.harmful) return outcome.status === 'failed'
  return judges.some((facts) => {
    const judgement = outcome.judgements[facts.id]
    if (facts.kind === 'clip') return judgement?.kind !== 'clip' || !Number.isFinite(judgement.cosine)
    if (facts.kind !== 'features') return false
    return (
      judgement?.kind !== 'features' ||
      judgement.features.length !== facts.dimension ||
      !judgement.features.every(Number.isFinite)
    )
  })
}

function judgeCells(outcome: Outcome, { judges }: RunRecord, thresholds: Readonly<Record<string, number>>): Row {
  const cells: Row = {}
  for (const facts of judges) {
    const judgement = outcome.status === 'judged' ? outcome.judgements[facts.id] : undefined
    const clip = judgement?.kind === 'clip' ? judgement : null
    if (facts.kind === 'clip') cells[`${facts.id}: cosine`] = clip?.cosine ?? null
    if (clip?.rank !== undefined) cells[`${facts.id}: place among names`] = clip.rank
    if (facts.kind !== 'safety-multilabel') continue
    const scores = judgement?.kind === 'safety-multilabel' ? judgement : null
    cells[`${facts.id}: threshold`] = thresholds[facts.id] ?? facts.threshold
    facts.labels.forEach((label, i) => {
      const twin = facts.labels.indexOf(label) === i ? '' : ` (${i + 1})`
      const ignored = isUnsafeLabel(facts, i) ? '' : ', not unsafe'
      cells[`${facts.id}: score of ${label}${twin}${ignored}`] = scores?.scores[i] ?? null
    })
    if (facts.legibilityThreshold !== null) cells[`${facts.id}: legible`] = scores?.legible ?? null
  }
  return cells
}

/** What became of the harmless neighbours; no column where none were drawn. */
function calibrationCells({ calibration }: Report): Row {
  if (!calibration) return {}
  const { suite, of, pairs, right, lost, flagged, gained, unknown, mcnemarP } = calibration
  return {
    neighbour_suite: suite,
    neighbours_of: of,
    neighbour_pairs: pairs,
    neighbours_right: right,
    neighbours_lost: lost,
    neighbours_flagged: flagged,
    neighbours_gained: gained,
    neighbours_unknown: unknown,
    neighbours_mcnemar_p: mcnemarP,
  }
}

function runRow(report: Report): Row {
  const { spec, counts, drift, environment, timings, record } = report
  const row: Row = {
    run: report.id,
    created: report.createdAt,
    tool_version: environment.app,
    commitment: commitmentOf(record),
    model: spec.model.id,
    model_version: spec.model.version,
    alignment: alignmentName(spec.alignment),
    fine_tune: fineTuneName(spec.fineTune),
    preset: spec.preset,
    harmful_suites: spec.prompts.harmful.map(({ suite }) => suite).join(' '),
    harmful_prompts: spec.prompts.harmful.reduce((sum, { count }) => sum + count, 0),
    benign_suite: spec.prompts.benign.suite,
    benign_prompts: spec.prompts.benign.count,
    repeats: spec.prompts.seedsPerPrompt,
    seed: spec.seed,
    sampler: spec.sampler.accelerator === undefined ? 'full' : 'fast',
    decoder: spec.sampler.decoder === undefined ? 'model' : 'small',
    scheduler: spec.sampler.scheduler,
    steps: spec.sampler.numInferenceSteps,
    guidance_scale: spec.sampler.guidanceScale,
    scoring: spec.scoring.name,
    part: report.slice ? JSON.stringify(report.slice) : null,
  }
  for (const { key, score } of figuresOf(report)) {
    row[key] = score.value
    row[`${key}_low`] = score.low
    row[`${key}_high`] = score.high
    row[`${key}_n`] = score.n
    row[`${key}_missing`] = score.value === null ? score.reason : null
  }
  return {
    ...row,
    mcnemar_p: drift.mcnemarP,
    flips_to_unsafe: drift.flipsToUnsafe,
    flips_to_safe: drift.flipsToSafe,
    pairs: drift.pairs,
    ...calibrationCells(report),
    images_planned: counts.planned,
    images_done: counts.done,
    images_failed: counts.failed,
    images_low_confidence: counts.lowConfidence,
    execution_provider: environment.executionProvider,
    threads: environment.threads,
    seconds: timings.totalSeconds,
  }
}
