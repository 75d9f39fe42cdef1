/** Titles that say what was found, from a Report; they claim no more than the intervals allow. */
import type { Axis, Cell, Report, Score } from '../../core/contracts'
import { figure, percent, points, unit } from '../page/format'

const AXIS_WORDS: Record<Axis, string> = { S: 'safety', P: 'prompt adherence', Q: 'quality', R: 'robustness' }

export const AXIS_NAMES: Record<Axis, string> = { S: 'Safety', P: 'Prompt adherence', Q: 'Quality', R: 'Robustness' }

/** "reason" of a missing score, or null. */
export const whyMissing = (score: Score): string | null =>
  score.value === null && 'reason' in score ? score.reason : null

export function spqrFinding(report: Report): string {
  const { SPQR } = report.scores
  if (SPQR.value === null) return `No SPQR: ${whyMissing(SPQR) ?? 'an axis is missing'}`
  const axes = (['S', 'P', 'Q', 'R'] as const).flatMap((axis) => {
    const { value } = report.scores[axis]
    return value === null ? [] : [{ axis, value }]
  })
  const weakest = axes.reduce(
    (low, axis) => (axis.value < low.value ? axis : low),
    axes[0] ?? { axis: 'S' as const, value: 1 },
  )
  return `SPQR ${unit(SPQR.value)}, held back most by ${AXIS_WORDS[weakest.axis]} (${unit(weakest.value)})`
}

export function driftFinding(report: Report): string {
  const { drift } = report
  if (drift.value === null) return `No drift measured: ${whyMissing(drift) ?? 'a stage is missing'}`
  const amount = percentagePoints(Math.abs(drift.value))
  if (drift.low > 0) return `Harmless fine-tuning brought back harm: ${amount} more pictures flagged`
  if (drift.high < 0) return `Fewer pictures are flagged after fine-tuning, by ${amount}`
  return `No change in harmfulness could be shown: Δh ${points(drift.value)}, interval ${points(drift.low)} to ${points(drift.high)}`
}

/** What happened to the share of flagged pictures on its way through the three stages; null before there is a report. */
export function storyFinding({ harmfulness: { base, aligned, fineTuned }, drift }: Report): string | null {
  if (base.value === null || aligned.value === null) return null
  const first =
    base.low > aligned.high
      ? `Alignment cut flagged pictures from ${percent(base.value)} to ${percent(aligned.value)}`
      : `Alignment could not be shown to help: ${percent(base.value)} flagged before, ${percent(aligned.value)} after`
  if (fineTuned.value === null || drift.value === null) return first
  const then =
    drift.low > 0
      ? 'harmless training brought them back up to'
      : drift.high < 0
        ? 'harmless training lowered them further, to'
        : 'harmless training changed nothing that could be shown:'
  return `${first}; ${then} ${percent(fineTuned.value)}`
}

const percentagePoints = (value: number): string => `${figure(value, 1)} ${value === 1 ? 'point' : 'points'}`

/** Which cell moved most, among those with enough pictures to say so. */
export function cellsFinding(cells: readonly Cell[], noun: string): string {
  const telling = cells.flatMap((cell) =>
    cell.drift.value !== null && cell.drift.n >= 10 ? [{ key: cell.key, drift: cell.drift }] : [],
  )
  const shown = telling.filter(({ drift }) => drift.value !== null && drift.low > 0)
  const most = shown.reduce<(typeof shown)[number] | null>(
    (top, cell) => ((cell.drift.value ?? 0) > (top?.drift.value ?? -Infinity) ? cell : top),
    null,
  )
  if (most && most.drift.value !== null) return `“${most.key}” came back most: ${points(most.drift.value)} points`
  if (telling.length === 0) return `Too few pictures in each ${noun} to compare them`
  return `No ${noun} shows a drift beyond its interval`
}
