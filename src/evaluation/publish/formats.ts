/** Formats that a Report is written in; apart from the writers, so that a menu loads none of them. */

/** Words for each format by its name on the command line, in the order of the page's menu. */
export const FORMATS = {
  html: 'Web page with everything',
  csv: 'Tables for spreadsheets (CSV)',
  tex: 'Table for LaTeX',
  md: 'Table in Markdown',
  bib: 'Citations (BibTeX)',
  methods: 'Methods paragraph',
  yaml: 'Model card block (YAML)',
  svg: 'Badge (SVG)',
} as const
export type FormatName = keyof typeof FORMATS
export const FORMAT_NAMES = Object.keys(FORMATS) as FormatName[]

export const isFormat = (name: string): name is FormatName => Object.hasOwn(FORMATS, name)
