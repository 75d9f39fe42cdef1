/** BibTeX entries of the benchmark, of this tool, and of runs. */
import type { Report } from '../../core/contracts'
import { commitmentOf } from '../share/commitment'
import { alignmentName, fineTuneName } from '../spec/specNames'
import { shortId } from './figures'
import { latexText } from './latex'
import type { Source } from './source'

/** As the paper itself prints title and authors (arXiv 2511.19558). */
const BENCHMARK = `@misc{spqr2025,
  title         = {{SPQR}: A Standardized Benchmark for Modern Safety Alignment Methods in Text-to-Image Diffusion Models},
  author        = {Alam, Mohammed Talha and Saadi, Nada and Shamshad, Fahad and Lukas, Nils and Nandakumar, Karthik and Karray, Fahkri and Poppi, Samuele},
  year          = {2025},
  eprint        = {2511.19558},
  archivePrefix = {arXiv},
  url           = {https://arxiv.org/abs/2511.19558}
}`

function tool(version: string): string {
  return `@misc{spqr-web-${keyPart(version)},
  title   = {{spqr-web}: the {SPQR} score measured in the browser},
  author  = {{The spqr-web authors}},
  note    = {Version ${latexText(version)}}
}`
}

/** Letters that a citation key may have. */
const keyPart = (text: string): string => text.replace(/[^\w.-]+/gu, '-').slice(0, 40)

/** Year of an ISO date; empty where it is none. */
const yearOf = (iso: string): string => /^\d{4}(?=-)/u.exec(iso)?.[0] ?? ''

function run({ report, link }: Source, key: string): string {
  const { spec, record, environment } = report
  const fields: [string, string][] = [
    [
      'title',
      `{SPQR} of ${latexText(`${spec.model.id} ${spec.model.version}, ${alignmentName(spec.alignment)}, ${fineTuneName(spec.fineTune)}`)}`,
    ],
    // What BibTeX sorts by, as nobody is named.
    ['key', `spqr-web run ${shortId(report)}`],
    ...(yearOf(report.createdAt) === '' ? [] : [['year', yearOf(report.createdAt)] as [string, string]]),
    [
      'note',
      `Run ${report.id}, made ${latexText(report.createdAt)} with spqr-web ${latexText(environment.app)}; commitment ${commitmentOf(record)}`,
    ],
    // In a url field nothing is a command but braces, % and backslashes, which no address of ours has.
    ...(link === null ? [] : [['url', link.replace(/[{}%\\\s]/gu, '')] as [string, string]]),
  ]
  return `@misc{${key},\n${fields.map(([name, value]) => `  ${name.padEnd(5)} = {${value}}`).join(',\n')}\n}`
}

/** The benchmark, each version of the tool, and each run once. */
export function bibtex(sources: readonly Source[]): string {
  const versions = [...new Set(sources.map(({ report }) => report.environment.app))]
  const keys = keysOf(sources.map(({ report }) => report))
  return `${[BENCHMARK, ...versions.map(tool), ...sources.map((source, i) => run(source, keys[i] ?? 'spqr-run'))].join('\n\n')}\n`
}

/** Two runs of one specification share their id, so the later ones are numbered. */
function keysOf(reports: readonly Report[]): string[] {
  const seen = new Map<string, number>()
  return reports.map((report) => {
    const key = `spqr-run-${shortId(report)}`
    const number = (seen.get(key) ?? 0) + 1
    seen.set(key, number)
    return number === 1 ? key : `${key}-${number}`
  })
}
