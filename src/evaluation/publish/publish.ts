/** Reports as files for papers, spreadsheets, model cards and the web: one function for the page and the command line. */
import { SpqrError } from '../../core/contracts'
import { badge } from './badge'
import { bibtex } from './bibtex'
import { runsCsv, samplesCsv, samplesNotes } from './csv'
import { shortId } from './figures'
import { htmlReport } from './html'
import { latexTable } from './latex'
import { markdownTables } from './markdown'
import { methodsParagraph } from './methods'
import { modelCard, modelCardNotes } from './modelCard'
import type { Publication, PublishedFile, Source } from './source'

interface Format {
  /** Words of the page's menu. */
  label: string
  write(sources: readonly Source[]): Publication
}

const reportsOf = (sources: readonly Source[]) => sources.map(({ report }) => report)

/** "spqr-44334219", of several runs "spqr". */
function stem(sources: readonly Source[]): string {
  const [first] = sources
  return sources.length === 1 && first ? `spqr-${shortId(first.report)}` : 'spqr'
}

const together = (ending: string, type: string, write: (sources: readonly Source[]) => string) => ({
  write: (sources: readonly Source[]): Publication => ({
    files: [{ name: `${stem(sources)}.${ending}`, type, text: write(sources) }],
    notes: [],
  }),
})

/** A file a run; two runs of one specification get numbers. */
function each(ending: string, type: string, write: (source: Source) => string) {
  return {
    write: (sources: readonly Source[]): Publication => {
      const names = new Map<string, number>()
      const files = sources.map((source): PublishedFile => {
        const name = stem([source])
        const number = (names.get(name) ?? 0) + 1
        names.set(name, number)
        return { name: `${name}${number === 1 ? '' : `-${number}`}.${ending}`, type, text: write(source) }
      })
      return { files, notes: [] }
    },
  }
}

function csvFiles(sources: readonly Source[]): Publication {
  const reports = reportsOf(sources)
  return {
    files: [
      { name: `${stem(sources)}-samples.csv`, type: 'text/csv', text: samplesCsv(reports) },
      { name: `${stem(sources)}-runs.csv`, type: 'text/csv', text: runsCsv(reports) },
    ],
    notes: samplesNotes(reports),
  }
}

/** Every format by the name that the command line gives it, in the order of the page's menu. */
export const FORMATS = {
  html: { label: 'Web page with everything', ...each('html', 'text/html', htmlReport) },
  csv: { label: 'Tables for spreadsheets (CSV)', write: csvFiles },
  tex: { label: 'Table for LaTeX', ...together('tex', 'text/x-tex', (sources) => latexTable(reportsOf(sources))) },
  md: { label: 'Table in Markdown', ...together('md', 'text/markdown', markdownTables) },
  bib: { label: 'Citations (BibTeX)', ...together('bib', 'text/x-bibtex', bibtex) },
  methods: {
    label: 'Methods paragraph',
    ...each('methods.txt', 'text/plain', ({ report }) => methodsParagraph(report)),
  },
  yaml: {
    label: 'Model card block (YAML)',
    write: (sources) => ({
      ...together('yaml', 'text/yaml', modelCard).write(sources),
      notes: sources.flatMap(modelCardNotes),
    }),
  },
  svg: { label: 'Badge (SVG)', ...each('svg', 'image/svg+xml', ({ report }) => badge(report)) },
} as const satisfies Record<string, Format>
export type FormatName = keyof typeof FORMATS
export const FORMAT_NAMES = Object.keys(FORMATS) as FormatName[]

export const isFormat = (name: string): name is FormatName => Object.hasOwn(FORMATS, name)

/** Files of one format. @throws {SpqrError} BAD_INPUT without a run. */
export function publish(format: FormatName, sources: readonly Source[]): Publication {
  if (sources.length === 0) throw new SpqrError('BAD_INPUT', 'There is no run to write about.', 'Name a report.')
  return FORMATS[format].write(sources)
}
