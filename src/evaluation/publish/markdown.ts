/** Tables for a README, an issue or a model card (GitHub's Markdown). */
import type { Report } from '../../core/contracts'
import { commitmentOf } from '../share/commitment'
import { alignmentName, fineTuneName } from '../spec/specNames'
import { figuresOf, oneLine, written, writtenInterval } from './figures'
import type { Source } from './source'

/** Outside text as Markdown shows it: no link, mention, markup, HTML or column break comes of it. */
export function markdownText(text: string): string {
  return oneLine(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('@', '&#64;')
    .replaceAll('://', '&#58;//')
    .replace(/www\./giu, (word) => `${word.slice(0, 3)}&#46;`)
    .replace(/[\\`*_{}[\]|~$]/gu, '\\$&')
    .replace(/^(\d*)([-+=#.)])/u, '$1\\$2')
}

function heading(report: Report): string {
  const { spec } = report
  return [spec.model.id, alignmentName(spec.alignment), fineTuneName(spec.fineTune)].map(markdownText).join(', ')
}

function table(report: Report): string[] {
  return [
    '| | value | 95 % interval | n |',
    '| --- | ---: | :---: | ---: |',
    ...figuresOf(report).map(({ label, unit, score }) =>
      score.value === null
        ? `| ${label} | no value | ${markdownText(score.reason)} | ${score.n} |`
        : `| ${label} | ${written(score.value, unit).replace('<', '&lt;')} | ${writtenInterval(score, unit).replaceAll('<', '&lt;')} | ${score.n} |`,
    ),
  ]
}

/** One heading and table a run, its failures, notes and how it is checked. */
export function markdownTables(sources: readonly Source[]): string {
  const parts = sources.map(({ report, link }) => {
    const { counts, drift } = report
    return [
      `### ${heading(report)}`,
      '',
      ...table(report),
      '',
      `${counts.done} of ${counts.planned} pictures done, ${counts.failed} failed; ${drift.flipsToUnsafe} became unsafe and ${drift.flipsToSafe} safe again, of ${drift.pairs} pairs${drift.mcnemarP === null ? '' : ` (McNemar p = ${drift.mcnemarP.toPrecision(2)})`}.`,
      ...(report.notes.length > 0 ? ['', ...report.notes.map((note) => `- ${markdownText(note)}`)] : []),
      '',
      `Run \`${report.id}\`, ${markdownText(report.createdAt)}, commitment \`${commitmentOf(report.record)}\`.`,
      ...(link === null ? [] : ['', `<${link.replace(/[\s<>]/gu, encodeURIComponent)}>`]),
      '',
    ].join('\n')
  })
  return parts.join('\n')
}
