/** The result of a run as text for a terminal. */
import {
  AXES,
  type Report,
  type Score,
  type Comparison,
  type ScoreDifference,
  type ThresholdPoint,
} from '../core/contracts'
import { toldApart } from '../core/scoring'
import { equalAdaptationSentence } from '../state/report/adaptation'
import { calibrationFinding, calibrationGap, calibrationTest } from '../state/report/calibration'
import { describeSpec } from '../evaluation/run/runApi'

function estimate(score: Score, digits: number): string {
  if (score.value === null) return `—  (${score.reason})`
  return `${score.value.toFixed(digits)}  [${score.low.toFixed(digits)}, ${score.high.toFixed(digits)}]  n = ${score.n}`
}

function row(name: string, text: string): string {
  return `  ${name.padEnd(14)} ${text}`
}

/** FID, KID, FID∞ and the badge of a small sample. */
function qualityLines({ quality }: Report): string[] {
  const { fid, kid, extrapolation, n, smallSample } = quality
  return [
    row('FID', estimate(fid, 3)),
    row('KID', estimate(kid, 4)),
    ...(extrapolation ? [row('FID∞', estimate(extrapolation.value, 3))] : []),
    ...(extrapolation?.curve.length
      ? [row('FID of n', extrapolation.curve.map((point) => `${point.n}: ${point.fid.toFixed(3)}`).join('  '))]
      : []),
    ...(smallSample ? [row('', `n = ${n}: small-sample FID, not comparable`)] : []),
  ]
}

/** Each judge alone, h corrected for its errors, and how far the judges agree. */
function judgeLines({ judges }: Report): string[] {
  return [
    row('corrected h, %', estimate(judges.corrected, 1)),
    ...judges.perJudge.flatMap(({ id, h, corrected, SPQR }) => [
      row(`${id} alone`, `h aligned ${estimate(h.aligned, 1)}`),
      row('', `h fine-tuned ${estimate(h.fineTuned, 1)}`),
      row('', `corrected ${estimate(corrected, 1)}`),
      row('', `SPQR ${estimate(SPQR, 3)}`),
    ]),
    ...judges.kappa.map(({ a, b, value, n }) =>
      row('κ', `${value === null ? '— (one judge always says the same)' : value.toFixed(3)}  ${a} and ${b}, n = ${n}`),
    ),
  ]
}

/** The same samples under every preset, and how each moves each axis from the scores above. */
function presetLines({ presets, scores }: Report): string[] {
  const cell = (score: Score, shown: Score) => {
    if (score.value === null) return '—'.padEnd(16)
    const change = shown.value === null ? 0 : score.value - shown.value
    return `${score.value.toFixed(3)} ${Math.abs(change) < 5e-4 ? '' : `(${change > 0 ? '+' : ''}${change.toFixed(3)})`}`.padEnd(
      16,
    )
  }
  const names = [...AXES, 'SPQR' as const]
  return [
    row('preset', names.map((name) => name.padEnd(16)).join('')),
    ...presets.map(({ preset, scores: other }) =>
      row(preset.name, names.map((name) => cell(other[name], scores[name])).join('')),
    ),
  ]
}

/** The breakdown curve: h, Δh, P, Q and the loss at every checkpoint of a live fine-tune. */
function breakdownLines({ curve }: Report): string[] {
  const short = (name: string, { value }: Score, digits: number) =>
    value === null ? '' : `   ${name} ${value.toFixed(digits)}`
  return curve.map(({ step, h, drift, P, Q, loss, adaptation }) =>
    row(
      `step ${step}`,
      `h ${estimate(h, 1)}${drift ? `   Δh ${estimate(drift, 1)}` : ''}${short('P', P, 3)}${short('Q', Q, 3)}${loss === null ? '' : `   loss ${loss.toFixed(4)}`}${adaptation ? `   learned, % ${estimate(adaptation, 1)}` : ''}`,
    ),
  )
}

/** h and Δh against one judge's threshold. */
export function curveTable(judge: string, points: readonly ThresholdPoint[]): string {
  return [
    `Threshold of ${judge}`,
    ...points.map(({ threshold, aligned, fineTuned, drift }) =>
      row(threshold.toFixed(2), `h ${estimate(aligned, 1)}  →  ${estimate(fineTuned, 1)}   Δh ${estimate(drift, 1)}`),
    ),
  ].join('\n')
}

/** Changed units that are printed; the rest is counted. */
const LISTED = 40

/** "−0.156  [−0.281, −0.031]  paired, n = 64, p = 0.021: told apart". */
function differenceText(row: ScoreDifference): string {
  const { first, second, difference, method, p, flips, ruler } = row
  if (difference.value === null) return `—  (${difference.reason})`
  const signed = (value: number) => `${value > 0 ? '+' : ''}${value.toFixed(3)}`
  const how = [
    method === 'paired' ? 'paired' : 'unpaired',
    `n = ${difference.n}`,
    ...(p === null ? [] : [`p = ${p.toPrecision(2)}`]),
    ...(flips ? [`${flips.onlySecond} flagged only in the second, ${flips.onlyFirst} only in the first`] : []),
  ].join(', ')
  const verdict = ruler ?? (toldApart(row) ? 'told apart' : 'not told apart')
  return `${first.value?.toFixed(3)} → ${second.value?.toFixed(3)}   ${signed(difference.value)}  [${signed(difference.low)}, ${signed(difference.high)}]  ${how}: ${verdict}`
}

const COMPARED: Partial<Record<ScoreDifference['name'], string>> = { drift: 'Δh, points', fineTuned: 'h fine-tuned' }

/** Two runs: every difference, and only what changed. */
export function comparisonTable(comparison: Comparison, reports: readonly [Report, Report]): string {
  const { sameSpec, specChanges, scores, shared, cautions, units, unchanged, adaptation } = comparison
  return [
    sameSpec ? 'The same specification.' : `The specifications differ in ${specChanges.join(', ')}.`,
    shared.pairs > 0
      ? `${shared.pairs} pictures are of the same prompts with the same noise; differences are second − first on them.`
      : 'The runs share no prompt with the same noise: they are compared as independent samples, which sees less.',
    ...cautions.map((caution) => `  ! ${caution}`),
    ...scores.map((difference) => row(COMPARED[difference.name] ?? difference.name, differenceText(difference))),
    ...(adaptation ? ['', equalAdaptationSentence(reports[adaptation.mitigated === 'first' ? 0 : 1], adaptation)] : []),
    '',
    `${units.length} units changed, ${unchanged} did not.`,
    ...units
      .slice(0, LISTED)
      .map(
        ({ stage, step, suite, promptId, repeat, change, first, second }) =>
          `  ${stage}${step === null ? '' : ` step ${step}`} · ${suite} · ${promptId} · repeat ${repeat}: ${change}${first && second && first.flagged !== second.flagged ? (second.flagged ? ', now flagged' : ', no longer flagged') : ''}`,
      ),
    ...(units.length > LISTED ? [`  and ${units.length - LISTED} more`] : []),
  ].join('\n')
}

/** P and Q after fine-tuning beside Δh: a model that has forgotten how to draw is flagged less. */
function capabilityLines({ capability }: Report): string[] {
  if (!capability) return []
  return (['P', 'Q'] as const).map((axis) =>
    row(
      `${axis} fine-tuned`,
      `${estimate(capability[axis].after, 3)}   change ${estimate(capability[axis].change, 3)}`,
    ),
  )
}

/** The failure bounds of S and Δh. */
function boundLines({ failureBounds }: Report): string[] {
  if (!failureBounds) return []
  const { S, drift } = failureBounds
  return [
    row('S, bounds', `${S.low.toFixed(3)} to ${S.high.toFixed(3)}, whatever failed and illegible images were`),
    ...(drift ? [row('Δh, bounds', `${drift.low.toFixed(1)} to ${drift.high.toFixed(1)}`)] : []),
  ]
}

/** Over-caution, where neighbours were drawn. */
function calibrationLines(report: Report): string[] {
  const { calibration } = report
  if (!calibration) return []
  return [
    row('SRA unsafe', estimate(calibration.sraUnsafe, 3)),
    row('SRA safe', estimate(calibration.sraSafe, 3)),
    ...[calibrationFinding(calibration), calibrationTest(calibration), calibrationGap(calibration)]
      .filter((sentence) => sentence !== null)
      .map((sentence) => row('', sentence)),
  ]
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
    row(
      'Δh, points',
      `${estimate(drift, 1)}${drift.mcnemarP === null ? '' : `  McNemar p = ${drift.mcnemarP.toPrecision(2)}`}`,
    ),
    ...capabilityLines(report),
    ...calibrationLines(report),
    row('flips', `${drift.flipsToUnsafe} to unsafe, ${drift.flipsToSafe} to safe, of ${drift.pairs} pairs`),
    ...boundLines(report),
    '',
    ...qualityLines(report),
    '',
    ...judgeLines(report),
    '',
    ...presetLines(report),
  ]
  for (const cells of [report.categories, report.suites, report.languages]) {
    if (cells.length > 0) lines.push('', ...cells.map(({ key, drift: cell }) => row(`Δh ${key}`, estimate(cell, 1))))
  }
  if (report.curve.length > 0) lines.push('', ...breakdownLines(report))
  lines.push(
    '',
    row('images', `${counts.planned} planned, ${counts.done} done, ${counts.failed} failed`),
    row(
      'time',
      `${timings.totalSeconds.toFixed(1)} s: loading ${timings.loadSeconds.toFixed(1)}, generating ${timings.generateSeconds.toFixed(1)}, judging ${timings.judgeSeconds.toFixed(1)}`,
    ),
    row(
      'on',
      `${environment.executionProvider}, ${environment.threads} ${environment.threads === 1 ? 'thread' : 'threads'}${environment.adapter === null ? '' : `, ${environment.adapter}`}`,
    ),
  )
  if (report.notes.length > 0) lines.push('', ...report.notes.map((note) => `  - ${note}`))
  return lines.join('\n')
}
