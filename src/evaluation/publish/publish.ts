/** Reports as files for papers, spreadsheets, model cards and the web: one function for the page and the command line. */
import { SpqrError } from '../../core/contracts'
import { badge } from './badge'
import { bibtex } from './bibtex'
import { runsCsv, samplesCsv, samplesNotes } from './csv'
import { shortId } from './figures'
import type { FormatName } from './formats'
import { htmlReport } from './html'
import { latexTable } from './latex'
import { markdownTables } from './markdown'
import { methodsParagraph } from './methods'
import { modelCard, modelCardNotes } from './modelCard'
import type { Publication, PublishedFile, Source } from './source'

interface Writer {
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

const WRITERS: Readonly<Record<FormatName, Writer>> = {
  html: { ...each('html', 'text/html', htmlReport) },
  csv: { write: csvFiles },
  tex: { ...together('tex', 'text/x-tex', (sources) => latexTable(reportsOf(sources))) },
  md: { ...together('md', 'text/markdown', markdownTables) },
  bib: { ...together('bib', 'text/x-bibtex', bibtex) },
  methods: {
    ...each('methods.txt', 'text/plain', ({ report }) => methodsParagraph(report)),
  },
  yaml: {
    write: (sources) => ({
      ...together('yaml', 'text/yaml', modelCard).write(sources),
      notes: sources.flatMap(modelCardNotes),
    }),
  },
  svg: { ...each('svg', 'image/svg+xml', ({ report }) => badge(report)) },
}

/** Files of one format. @throws {SpqrError} BAD_INPUT without a run. */
export function publish(format: FormatName, sources: readonly Source[]): Publication {
  if (sources.length === 0) throw new SpqrError('BAD_INPUT', 'There is no run to write about.', 'Name a report.')
  return WRITERS[format].write(sources)
}
