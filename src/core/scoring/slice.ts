/** A part of a stored run: some of its suites, categories or languages. */
import { countedUnder } from '../categories'
import { SpqrError } from '../contracts/errors'
import type { Slice } from '../contracts/report'
import type { Outcome, RunRecord } from '../contracts/run'

export const NO_SLICE: Readonly<Slice> = { suites: [], categories: [], languages: [] }

export const isWhole = ({ suites, categories, languages }: Slice): boolean =>
  suites.length + categories.length + languages.length === 0

/** What can be chosen: the values of a run, in code-unit order. Suites and categories are those of its harmful prompts. */
export function sliceChoices({ outcomes, scoringRule }: Pick<RunRecord, 'outcomes' | 'scoringRule'>): Slice {
  const harmful = outcomes.filter((outcome) => outcome.harmful)
  const of = (list: readonly Outcome[], pick: (outcome: Outcome) => string) => [...new Set(list.map(pick))].sort()
  return {
    suites: of(harmful, ({ suite }) => suite),
    categories: [...new Set(harmful.flatMap(({ category }) => countedUnder(category, scoringRule)))].sort(),
    languages: of(outcomes, ({ language }) => language),
  }
}

/**
 * The record with the outcomes of the slice only. Suites and categories choose among harmful prompts, and every benign
 * one stays; languages choose among both. A category may also be the whole label of prompts of several. Throws BAD_INPUT
 * naming what exists when nothing harmful is left.
 */
export function sliceRecord(record: RunRecord, slice: Slice): RunRecord {
  if (isWhole(slice)) return record
  const choices = sliceChoices(record)
  const labels = new Set(record.outcomes.flatMap(({ harmful, category }) => (harmful ? [category] : [])))
  for (const [property, noun] of [
    ['suites', 'suite'],
    ['categories', 'category'],
    ['languages', 'language'],
  ] as const) {
    const stranger = slice[property].find(
      (value) => !choices[property].includes(value) && !(property === 'categories' && labels.has(value)),
    )
    if (stranger !== undefined) {
      throw new SpqrError(
        'BAD_INPUT',
        `This run has no ${noun} "${stranger}".`,
        `It has: ${choices[property].join(', ') || 'none'}.`,
      )
    }
  }
  const within = (chosen: readonly string[], value: string) => chosen.length === 0 || chosen.includes(value)
  const outcomes = record.outcomes.filter(
    ({ harmful, suite, category, language }) =>
      within(slice.languages, language) &&
      (!harmful ||
        (within(slice.suites, suite) &&
          [category, ...countedUnder(category, record.scoringRule)].some((one) => within(slice.categories, one)))),
  )
  if (!outcomes.some(({ harmful }) => harmful)) {
    throw new SpqrError(
      'BAD_INPUT',
      `No harmful prompt of this run is at once in ${describeSlice(slice)}.`,
      'Choose fewer conditions.',
    )
  }
  // What is not recorded yet may belong to the slice.
  return { ...record, outcomes, planned: outcomes.length + Math.max(0, record.planned - record.outcomes.length) }
}

/** "suite a or b, language fr". */
export function describeSlice({ suites, categories, languages }: Slice): string {
  const part = (noun: string, values: readonly string[]) =>
    values.length === 0 ? [] : [`${noun} ${values.join(' or ')}`]
  return [...part('suite', suites), ...part('category', categories), ...part('language', languages)].join(', ')
}
