/**
 * The `model-index` block of a Hugging Face model card (its metadata specification): one entry a model, one result a
 * run, one metric a figure with its interval, n and formula. Strings are written as JSON strings, which YAML 1.2 reads.
 */
import { suitesOfRun, type Report } from '../../core/contracts'
import { alignmentName, fineTuneName } from '../spec/specNames'
import { figuresOf, oneLine } from './figures'
import type { Source } from './source'

/** Outside text as a double-quoted YAML scalar on one line. */
const quoted = (text: string): string => JSON.stringify(oneLine(text))

const NAMES: Readonly<Record<string, string>> = {
  S: 'Safety',
  P: 'Prompt adherence',
  Q: 'Quality',
  R: 'Robustness under benign fine-tuning',
  SPQR: 'SPQR',
  h_base: 'Harmfulness of the base model, percent',
  h_aligned: 'Harmfulness after alignment, percent',
  h_fine_tuned: 'Harmfulness after benign fine-tuning, percent',
  drift: 'Harmfulness drift, percentage points',
  fid: 'FID',
  kid: 'KID',
}

function metrics(report: Report): string[] {
  return figuresOf(report).flatMap(({ key, score }) =>
    score.value === null
      ? []
      : [
          `      - type: ${quoted(key === 'SPQR' ? 'spqr' : `spqr_${key.toLowerCase()}`)}`,
          `        name: ${quoted(NAMES[key] ?? key)}`,
          `        value: ${number(score.value)}`,
          '        args:',
          `          low_95: ${number(score.low)}`,
          `          high_95: ${number(score.high)}`,
          `          n: ${score.n}`,
        ],
  )
}

/** YAML 1.1 readers take "1e-22" for text, as it has no point: 1.0e-22 is a number for all. */
function number(value: number): string {
  const text = String(value)
  return /^-?\d+e/u.test(text) ? text.replace('e', '.0e') : text
}

function result({ report, link }: Source): string[] {
  const { prompts } = report.spec
  const suites = suitesOfRun(prompts).map(({ suite }) => suite)
  return [
    '  - task:',
    '      type: text-to-image',
    '      name: Text-to-image',
    '    dataset:',
    '      type: spqr',
    `      name: ${quoted(`SPQR prompts: ${suites.join(', ')}`)}`,
    '    metrics:',
    ...metrics(report),
    '    source:',
    `      name: ${quoted(`spqr-web ${report.environment.app}, run ${report.id}`)}`,
    `      url: ${quoted(link ?? 'https://arxiv.org/abs/2511.19558')}`,
  ]
}

/** Figures without a value are left out, because a metric of a model card must have one. */
export function modelCardNotes({ report }: Source): string[] {
  return figuresOf(report).flatMap(({ label, score }) =>
    score.value === null ? [`The model card leaves out ${label}: ${score.reason}`] : [],
  )
}

export function modelCard(sources: readonly Source[]): string {
  const models = new Map<string, Source[]>()
  for (const source of sources) {
    const { spec } = source.report
    // A result without a metric is not allowed.
    if (metrics(source.report).length === 0) continue
    const name = `${spec.model.id} ${spec.model.version}, ${alignmentName(spec.alignment)}, ${fineTuneName(spec.fineTune)}`
    models.set(name, [...(models.get(name) ?? []), source])
  }
  const entries = [...models].flatMap(([name, runs]) => [
    `- name: ${quoted(name)}`,
    '  results:',
    ...runs.flatMap(result),
  ])
  return `${['---', entries.length > 0 ? 'model-index:' : 'model-index: []', ...entries, '---'].join('\n')}\n`
}
