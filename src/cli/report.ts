/**
 * `npm run report -- --in run.json --in other.json --format html,csv,tex --out folder`: writes stored runs as files for
 * papers, spreadsheets, model cards and the web, without a browser. Figures are computed again from the samples. Exit
 * status 0 when every file was written, 2 for a wrong command line, 1 for a file that is no run.
 */
import { accessSync, constants, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { SpqrError } from '../core/contracts'
import { FORMAT_NAMES, FORMATS, isFormat, type FormatName } from '../evaluation/publish/formats'
import { publish } from '../evaluation/publish/publish'
import { argumentPairs } from '../evaluation/spec/params'
import { assertWritable, command, errno } from './files'
import { readReport } from './reportFile'

const USAGE = 'npm run report -- --in run.json --format html,csv,tex --out folder'
const OPTIONS: Readonly<Record<string, string>> = {
  in: 'Report or record file; give it again for every further run.',
  format: `Formats, separated by commas: ${FORMAT_NAMES.join(', ')}, or all.`,
  out: 'Folder for the files; it is made where there is none.',
  reference: 'Reference features (safetensors) when no pack here has them.',
  help: 'Print this list.',
}

interface Choice {
  inputs: string[]
  formats: FormatName[]
  out: string
  reference: string | null
}

function wrong(what: string, hint = '--help lists the options.'): SpqrError {
  return new SpqrError('BAD_INPUT', what, hint)
}

function readArguments(argv: readonly string[]): Choice | null {
  const pairs = argumentPairs(argv)
  const stranger = pairs.find(([name]) => !Object.hasOwn(OPTIONS, name))
  if (stranger) throw wrong(`Unknown option "--${stranger[0]}".`)
  if (pairs.some(([name]) => name === 'help')) return null
  const given = (name: string) => pairs.flatMap(([own, text]) => (own === name ? [text] : []))
  for (const name of Object.keys(OPTIONS)) {
    if (given(name).includes('')) throw wrong(`"--${name}" needs a value.`, OPTIONS[name])
    if (name !== 'in' && given(name).length > 1) throw wrong(`"--${name}" is given twice.`, 'Give it once.')
  }
  const [inputs, [format], [out], [reference]] = [given('in'), given('format'), given('out'), given('reference')]
  if (inputs.length === 0) throw wrong('"--in" is missing: the report or record file.', USAGE)
  if (format === undefined) throw wrong('"--format" is missing.', OPTIONS.format)
  if (out === undefined) throw wrong('"--out" is missing: the folder for the files.', USAGE)
  return { inputs, formats: formatsIn(format), out, reference: reference ?? null }
}

function formatsIn(text: string): FormatName[] {
  const words = text.split(',').map((word) => word.trim())
  if (words.length === 1 && words[0] === 'all') return FORMAT_NAMES
  return [
    ...new Set(
      words.map((word) => {
        if (isFormat(word)) return word
        throw wrong(`There is no format "${word}".`, OPTIONS.format)
      }),
    ),
  ]
}

/** Refuses, before work, a folder that can be neither written nor made. */
function assertFolder(path: string): void {
  const refuse = (why: string) =>
    wrong(`"${path}" cannot be written (${why}).`, 'Check the folder and its permissions.')
  try {
    const facts = statSync(path, { throwIfNoEntry: false })
    if (facts && !facts.isDirectory()) throw refuse('it is a file')
    if (facts) accessSync(path, constants.W_OK)
    else if (dirname(resolve(path)) !== resolve(path)) assertFolder(dirname(resolve(path)))
  } catch (thrown) {
    throw thrown instanceof SpqrError ? thrown : refuse(errno(thrown))
  }
}

function main(argv: readonly string[]): number {
  const choice = readArguments(argv)
  if (!choice) {
    const lines = Object.entries(OPTIONS).map(([name, text]) => `  --${name.padEnd(12)} ${text}`)
    const formats = FORMAT_NAMES.map((name) => `  ${name.padEnd(14)} ${FORMATS[name]}`)
    console.log([USAGE, '', ...lines, '', ...formats].join('\n'))
    return 0
  }
  assertFolder(choice.out)
  const sources = choice.inputs.map((path) => {
    const { report, notes } = readReport(path, choice.reference)
    for (const note of notes) console.error(note)
    return { report, link: null, walls: null }
  })
  const publications = choice.formats.map((format) => publish(format, sources))
  mkdirSync(choice.out, { recursive: true })
  const files = publications.flatMap(({ files: written }) =>
    written.map(({ name, text }) => ({ path: join(choice.out, name), text })),
  )
  for (const { path } of files) assertWritable(path)
  for (const { path, text } of files) {
    writeFileSync(path, text)
    console.log(path)
  }
  for (const note of new Set(publications.flatMap(({ notes }) => notes))) console.error(note)
  return 0
}

await command(main)
