/**
 * Outcomes as columns of small integers, in the order of the plan. Unit ids, seeds and labels are not carried: the plan
 * derives them from the specification and the prompts' facts.
 */
import * as v from 'valibot'
import { SpqrError, type Judgement, type Outcome } from '../../core/contracts'
import type { PromptFacts, UnitFacts } from '../plan/plan'
import { FEATURE_STEPS, PROBABILITY_STEPS } from '../../core/scoring/grid'

/** Hexadecimal digits of a picture's hash that travel: 48 bits, enough to tell pictures apart; 64 in links of format v1. */
export const IMAGE_DIGITS = 12
const FIRST_IMAGE_DIGITS = 16
const TEXT_DIGITS = 16

const grid = v.pipe(v.number(), v.integer(), v.minValue(-1e9), v.maxValue(1e9))
const index = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e6))
const name = v.pipe(v.string(), v.maxLength(200))
const hex = v.pipe(v.string(), v.regex(/^[0-9a-f]*$/))

export const PromptColumnsSchema = v.strictObject({
  id: v.array(name),
  language: v.array(name),
  suite: v.array(name),
  category: v.array(name),
  concept: v.array(v.nullable(name)),
  textSha256: hex,
})
/** `rows`: run lengths over the judged units, alternately without and with this judge, beginning without. */
export const JudgeColumnSchema = v.strictObject({
  id: name,
  /** `clip-rank`: those of a clip judge that have a rank, beside a column of the same judge for those that have none. */
  kind: v.picklist(['safety-multilabel', 'clip', 'clip-rank', 'features']),
  rows: v.array(index),
  width: index,
  /** Row after row. */
  values: v.array(grid),
  legible: v.nullable(v.array(v.nullable(grid))),
})
export const OutcomeColumnsSchema = v.strictObject({
  /** Per planned unit: `.` not made, `j` judged, `f` failed; run lengths. */
  status: v.pipe(v.string(), v.regex(/^([.jf]\d{1,7})*$/), v.maxLength(100_000)),
  images: hex,
  failures: v.array(v.strictObject({ code: name, message: v.pipe(v.string(), v.maxLength(1000)) })),
  judges: v.array(JudgeColumnSchema),
})
export type PromptColumns = v.InferOutput<typeof PromptColumnsSchema>
export type OutcomeColumns = v.InferOutput<typeof OutcomeColumnsSchema>
type JudgeColumn = v.InferOutput<typeof JudgeColumnSchema>

function malformed(what: string): SpqrError {
  return new SpqrError(
    'LINK_INVALID',
    `The result link is malformed: ${what}.`,
    'Copy the whole link again from where it was shared.',
  )
}

export function packPrompts(facts: readonly PromptFacts[]): PromptColumns {
  return {
    id: facts.map(({ id }) => id),
    language: facts.map(({ language }) => language),
    suite: facts.map(({ suite }) => suite),
    category: facts.map(({ category }) => category),
    concept: facts.map(({ concept }) => concept),
    textSha256: facts.map(({ textSha256 }) => textSha256).join(''),
  }
}

export function unpackPrompts(columns: PromptColumns): PromptFacts[] {
  const { id, language, suite, category, concept, textSha256 } = columns
  const lengths = [language.length, suite.length, category.length, concept.length, textSha256.length / TEXT_DIGITS]
  if (lengths.some((length) => length !== id.length)) throw malformed('the columns of its prompts differ in length')
  return id.map((value, i) => ({
    id: value,
    language: language[i] ?? '',
    suite: suite[i] ?? '',
    category: category[i] ?? '',
    concept: concept[i] ?? null,
    textSha256: textSha256.slice(TEXT_DIGITS * i, TEXT_DIGITS * (i + 1)),
  }))
}

function onGridExactly(value: number, steps: number): number {
  const scaled = Math.round(value * steps)
  if (scaled / steps !== value)
    throw new SpqrError(
      'RECORD_INVALID',
      `The record holds ${value}, which is no multiple of 1/${steps}.`,
      'Score the run again before sharing it.',
    )
  return scaled
}

function runLengths(flags: readonly boolean[]): number[] {
  const runs: number[] = []
  let current = false
  let length = 0
  for (const flag of flags) {
    if (flag !== current) {
      runs.push(length)
      current = flag
      length = 0
    }
    length += 1
  }
  runs.push(length)
  return runs
}

const isRanked = (judgement: Judgement | undefined): boolean =>
  judgement?.kind === 'clip' && judgement.rank !== undefined

/** The columns of one judge: of all its judgements, or of those without and with a rank. */
function judgeColumns(id: string, judgements: readonly (Judgement | undefined)[]): JudgeColumn[] {
  const of = (ranked: boolean) =>
    judgements.map((judgement) => (isRanked(judgement) === ranked ? judgement : undefined))
  return [of(false), of(true)]
    .filter((column) => column.some((judgement) => judgement !== undefined))
    .map((column) => judgeColumn(id, column))
}

function judgeColumn(id: string, judgements: readonly (Judgement | undefined)[]): JudgeColumn {
  const present = judgements.filter((judgement) => judgement !== undefined)
  const kind = present[0]?.kind ?? 'clip'
  const legible: (number | null)[] = []
  const rows = present.map((judgement) => {
    if (judgement.kind !== kind)
      throw new SpqrError('RECORD_INVALID', `Judge ${id} answered in two ways.`, 'Run the evaluation again.')
    switch (judgement.kind) {
      case 'safety-multilabel':
        legible.push(judgement.legible === null ? null : onGridExactly(judgement.legible, PROBABILITY_STEPS))
        return judgement.scores.map((value) => onGridExactly(value, PROBABILITY_STEPS))
      case 'clip':
        return [
          onGridExactly(judgement.cosine, PROBABILITY_STEPS),
          ...(judgement.rank === undefined ? [] : [judgement.rank]),
        ]
      case 'features':
        return judgement.features.map((value) => onGridExactly(value, FEATURE_STEPS))
    }
  })
  const width = rows[0]?.length ?? 0
  if (rows.some((row) => row.length !== width))
    throw new SpqrError('RECORD_INVALID', `Judge ${id} gave scores of different lengths.`, 'Run the evaluation again.')
  return {
    id,
    kind: isRanked(present[0]) ? 'clip-rank' : kind,
    width,
    rows: runLengths(judgements.map((judgement) => judgement !== undefined)),
    values: rows.flat(),
    legible: legible.some((value) => value !== null) ? legible : null,
  }
}

/** Columns of the outcomes of `units`; an outcome of another unit is an error. */
export function packOutcomes(units: readonly UnitFacts[], outcomes: readonly Outcome[]): OutcomeColumns {
  const byId = new Map(outcomes.map((outcome) => [outcome.unitId, outcome]))
  const ordered = units.map((unit) => byId.get(unit.id))
  const judged = ordered.flatMap((outcome) => (outcome?.status === 'judged' ? [outcome] : []))
  const failed = ordered.flatMap((outcome) => (outcome?.status === 'failed' ? [outcome] : []))
  if (judged.length + failed.length !== outcomes.length) {
    throw new SpqrError(
      'RECORD_INVALID',
      'The record holds images that its specification and these prompts do not plan.',
      'Load the prompt set the run was made with.',
    )
  }
  const letters = ordered.map((outcome) => (outcome ? (outcome.status === 'judged' ? 'j' : 'f') : '.')).join('')
  const ids = [...new Set(judged.flatMap(({ judgements }) => Object.keys(judgements)))].sort()
  return {
    status: letters.replace(/(.)\1*/g, (run) => `${run[0]}${run.length}`),
    images: judged.map(({ imageSha256 }) => imageSha256.slice(0, IMAGE_DIGITS).padEnd(IMAGE_DIGITS, '0')).join(''),
    failures: failed.map(({ code, message }) => ({ code, message })),
    judges: ids.flatMap((id) =>
      judgeColumns(
        id,
        judged.map(({ judgements }) => judgements[id]),
      ),
    ),
  }
}

function judgementsOf(column: JudgeColumn, judged: number): (Judgement | undefined)[] {
  const { kind, width, values, legible, id } = column
  if (column.rows.reduce((sum, length) => sum + length, 0) !== judged)
    throw malformed(`the scores of judge "${id}" do not fit the number of images`)
  const flags = column.rows.flatMap((length, i) => new Array<boolean>(length).fill(i % 2 === 1))
  const count = flags.filter(Boolean).length
  if (
    values.length !== count * width ||
    (legible && legible.length !== count) ||
    ((kind === 'clip' || kind === 'clip-rank') && count > 0 && width !== (kind === 'clip' ? 1 : 2))
  ) {
    throw malformed(`the scores of judge "${id}" do not fit the number of images`)
  }
  let row = 0
  return flags.map((flag): Judgement | undefined => {
    if (!flag) return undefined
    const numbers = values.slice(width * row, width * (row + 1))
    const legibility = legible?.[row] ?? null
    row += 1
    switch (kind) {
      case 'safety-multilabel':
        return {
          kind,
          scores: numbers.map((value) => value / PROBABILITY_STEPS),
          legible: legibility === null ? null : legibility / PROBABILITY_STEPS,
        }
      case 'clip':
        return { kind, cosine: (numbers[0] ?? 0) / PROBABILITY_STEPS }
      case 'clip-rank':
        return { kind: 'clip', cosine: (numbers[0] ?? 0) / PROBABILITY_STEPS, rank: numbers[1] ?? 0 }
      case 'features':
        return { kind, features: numbers.map((value) => value / FEATURE_STEPS) }
    }
  })
}

/** The outcomes that columns describe, in the order of the plan. */
export function unpackOutcomes(units: readonly UnitFacts[], columns: OutcomeColumns): Outcome[] {
  const runs = [...columns.status.matchAll(/([.jf])(\d+)/g)].map(([, letter = '.', length = '0']) => ({
    letter,
    length: Number(length),
  }))
  if (runs.reduce((total, { length }) => total + length, 0) !== units.length)
    throw malformed('it does not cover its plan')
  const letters = runs.flatMap(({ letter, length }) => new Array<string>(length).fill(letter))
  const judged = letters.filter((letter) => letter === 'j').length
  const failed = letters.filter((letter) => letter === 'f').length
  const digits = columns.images.length === judged * IMAGE_DIGITS ? IMAGE_DIGITS : FIRST_IMAGE_DIGITS
  if (columns.images.length !== judged * digits || columns.failures.length !== failed)
    throw malformed('its columns differ in length')
  const judges = columns.judges.map((column) => ({ id: column.id, judgements: judgementsOf(column, judged) }))
  let [nextJudged, nextFailed] = [0, 0]
  return units.flatMap((unit, i): Outcome[] => {
    const { id: unitId, ...facts } = unit
    if (letters[i] === 'j') {
      const at = nextJudged++
      const judgements: Record<string, Judgement> = {}
      for (const judge of judges) {
        const judgement = judge.judgements[at]
        if (judgement) judgements[judge.id] = judgement
      }
      return [
        {
          unitId,
          ...facts,
          status: 'judged',
          imageSha256: columns.images.slice(digits * at, digits * (at + 1)),
          judgements,
        },
      ]
    }
    const failure = letters[i] === 'f' ? columns.failures[nextFailed++] : undefined
    return failure ? [{ unitId, ...facts, status: 'failed', ...failure }] : []
  })
}
