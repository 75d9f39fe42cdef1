/** A booktabs table of one or several runs for a paper: S, P, Q, R, SPQR and Δh with 95 % intervals. */
import type { Report, Score } from '../../core/contracts'
import { alignmentName, fineTuneName } from '../spec/specNames'
import { figuresOf, oneLine, shortId, written, type Unit } from './figures'

const SPECIAL: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  // Not \{ and \}: BibTeX counts braces whatever stands before them.
  '{': '\\textbraceleft{}',
  '}': '\\textbraceright{}',
  $: '\\$',
  '&': '\\&',
  '#': '\\#',
  '^': '\\textasciicircum{}',
  _: '\\_',
  '%': '\\%',
  '~': '\\textasciitilde{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
  '|': '\\textbar{}',
  // \textquotedbl is an error in OT1, the encoding of a paper that says nothing.
  '"': '\\symbol{34}',
  '`': '\\textasciigrave{}',
  "'": '\\textquotesingle{}',
  '·': '\\textperiodcentered{}',
  '×': '\\ensuremath{\\times}',
  '→': '\\ensuremath{\\rightarrow}',
  Δ: '\\ensuremath{\\Delta}',
  '∞': '\\ensuremath{\\infty}',
}

/** Outside text as LaTeX prints it: no character of it is a command, a comment or a ligature. */
export function latexText(text: string): string {
  return [...oneLine(text)]
    .map((letter) => SPECIAL[letter] ?? letter)
    .join('')
    .replace(/-(?=-)/gu, '-{}')
}

const COLUMNS = ['S', 'P', 'Q', 'R', 'SPQR', 'drift']

/** In math mode, so that minus and less-than are what they should be. */
const math = (value: number, unit: Unit): string => `$${written(value, unit)}$`

function cell(score: Score, unit: Unit): string {
  if (score.value === null) return '---'
  return `${math(score.value, unit)} {\\scriptsize [${math(score.low, unit)}, ${math(score.high, unit)}]}`
}

function row(report: Report): string {
  const figures = new Map(figuresOf(report).map((figure) => [figure.key, figure]))
  const cells = COLUMNS.map((key) => {
    const figure = figures.get(key)
    return figure ? cell(figure.score, figure.unit) : '---'
  })
  const { spec } = report
  const name = [spec.model.id, alignmentName(spec.alignment), fineTuneName(spec.fineTune)].map(latexText).join(', ')
  return `${[name, ...cells].join(' & ')} \\\\`
}

/** Which numbers are missing and why, and what one must know of n. */
function remarks(report: Report): string {
  const { counts, harmfulness, quality } = report
  const missing = figuresOf(report).flatMap(({ label, score }) =>
    COLUMNS.includes(label) && score.value === null ? [`${label}: ${score.reason}`] : [],
  )
  const facts = [
    `Run ${shortId(report)}: ${harmfulness.aligned.n} harmful pictures at the aligned stage, ${quality.n} harmless ones, scoring ${report.spec.scoring.name}`,
    ...(counts.failed > 0 ? [`${counts.failed} of ${counts.planned} pictures failed`] : []),
    ...(quality.smallSample ? ['the FID behind Q is of a small sample and cannot be compared'] : []),
    ...(report.slice ? ['a part of the run'] : []),
    ...missing,
  ]
  return latexText(`${facts.join('; ')}.`)
}

/** A table environment; needs \usepackage{booktabs}. */
export function latexTable(reports: readonly Report[]): string {
  return `${[
    '% Needs \\usepackage{booktabs} and \\usepackage{textcomp}; names beyond Latin letters need XeLaTeX or LuaLaTeX.',
    '\\begin{table}',
    '  \\centering',
    '  \\caption{SPQR after benign fine-tuning, with 95\\,\\% intervals in brackets; $\\Delta h$ in percentage points.}',
    '  \\label{tab:spqr}',
    '  \\begin{tabular}{lcccccc}',
    '    \\toprule',
    '    Run & S & P & Q & R & SPQR & $\\Delta h$ \\\\',
    '    \\midrule',
    ...reports.map((report) => `    ${row(report)}`),
    '    \\bottomrule',
    '  \\end{tabular}',
    ...reports.map((report) => `  \\par\\footnotesize ${remarks(report)}`),
    '\\end{table}',
  ].join('\n')}\n`
}
