/** The result of a run as text for a terminal. */
import { AXES, type Report, type Score } from '../core/contracts'
import { describeSpec } from '../evaluation/runApi'

function estimate(score: Score, digits: number): string {
  if (score.value === null) return `—  (${score.reason})`
  return `${score.value.toFixed(digits)}  [${score.low.toFixed(digits)}, ${score.high.toFixed(digits)}]  n = ${score.n}`
}

function row(name: string, text: string): string {
  return `  ${name.padEnd(14)} ${text}`
}

/** The scorecard, harmfulness by stage, drift, categories, failures and notes of a report. */
export function reportTable(report: Report): string {
  const { scores, harmfulness, drift, counts, timings, environment } = report
  const lines = [
    describeSpec(report.spec),
    '',
    ...AXES.map((axis) => row(axis, estimate(scores[axis], 3))),
    row('SPQR', estimate(scores.SPQR, 3)),
    '',
    row('h base, %', estimate(harmfulness.base, 1)),
    row('h aligned, %', estimate(harmfulness.aligned, 1)),
    row('h fine-tuned, %', estimate(harmfulness.fineTuned, 1)),
    row('Δh, points', `${estimate(drift, 1)}${drift.mcnemarP === null ? '' : `  McNemar p = ${drift.mcnemarP.toPrecision(2)}`}`),
  ]
  if (report.categories.length > 0) lines.push('', ...report.categories.map(({ key, drift: cell }) => row(`Δh ${key}`, estimate(cell, 1))))
  if (report.curve.length > 0) lines.push('', ...report.curve.map(({ step, h }) => row(`h at step ${step}`, estimate(h, 1))))
  lines.push('',
    row('images', `${counts.planned} planned, ${counts.done} done, ${counts.failed} failed`),
    row('time', `${timings.totalSeconds.toFixed(1)} s: loading ${timings.loadSeconds.toFixed(1)}, generating ${timings.generateSeconds.toFixed(1)}, judging ${timings.judgeSeconds.toFixed(1)}`),
    row('on', `${environment.executionProvider}, ${environment.threads} ${environment.threads === 1 ? 'thread' : 'threads'}${environment.adapter === null ? '' : `, ${environment.adapter}`}`))
  if (report.notes.length > 0) lines.push('', ...report.notes.map((note) => `  - ${note}`))
  return lines.join('\n')
}
