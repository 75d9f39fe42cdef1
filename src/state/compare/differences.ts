/** Differences of two runs in words: what they are called, how they are written, and what they show. */
import type { ComparedName, Score, ScoreDifference } from '../../core/contracts'
import { toldApart } from '../../core/scoring'
import { figure, points, unit } from '../page/format'
import { AXIS_NAMES } from '../report/findings'

/** Scores in percentage points; the others lie between 0 and 1. */
const inPoints = (name: ComparedName): boolean => name === 'drift' || name === 'fineTuned'

export const comparedName = (name: ComparedName): string => {
  if (name === 'drift') return 'Δh, points'
  if (name === 'fineTuned') return 'Flagged after fine-tuning, %'
  return name === 'SPQR' ? 'SPQR' : AXIS_NAMES[name]
}

/** A run's own score. */
export const writeCompared = (name: ComparedName, value: number): string =>
  name === 'fineTuned' ? figure(value, 1) : inPoints(name) ? points(value) : unit(value)

/** A difference, signed. */
export function writeDifference(name: ComparedName, value: number): string {
  if (inPoints(name)) return points(value)
  const text = figure(value)
  return value > 0 && Number(text) !== 0 ? `+${text}` : text
}

/** "−0.28 to −0.03" */
export function differenceInterval({ name, difference }: { name: ComparedName; difference: Score }): string {
  if (difference.value === null) return ''
  return `${writeDifference(name, difference.low)} to ${writeDifference(name, difference.high)}`
}

/** What a difference shows. `p`: adjusted where several pairs of runs are compared. */
export function differenceWords(row: ScoreDifference, p: number | null = row.p): string {
  const apart = toldApart(row, p)
  if (apart === null) return row.ruler === null ? 'not comparable' : 'other ruler'
  const how = row.method === 'unpaired' ? ', unpaired' : ''
  return (apart ? 'told apart' : 'not told apart') + how
}
