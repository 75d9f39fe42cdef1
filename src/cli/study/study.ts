/**
 * `npm run study`: the pack's reference study. Evaluates every method × profile × scenario in the page, headless, and
 * writes `leaderboard.json` beside the pack's manifest, one row at a time: a stopped study goes on where it was, and
 * two that share the methods between them can run side by side. Every fine-tune is trained in the page, by the same
 * settings for all, so that rows compare; those that the pack ships were trained longer, with the recipe. Alignments too
 * large for the pack are read from the `adapters` folder of its recipe, <method>.safetensors each. At its end it prints
 * the tables of models/pictogram/STUDY.md.
 */
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { BrowserContext } from 'playwright'
import * as v from 'valibot'
import {
  PROFILES,
  PackManifestSchema,
  ReportSchema,
  SCENARIOS,
  SpqrError,
  checkShape,
  reviveError,
  type PackManifest,
  type Report,
} from '../../core/contracts'
import { isComplete } from '../../evaluation/run/runApi'
import { packHash, sha256Hex } from '../../evaluation/spec/specHash'
import { COMPUTED_METHODS } from '../../core/methods'
import { readAdapterFile } from '../adapterFiles'
import { assertWritable, command } from '../files'
import { ROOT, inPage, openPage, withBrowser } from '../page'
import { OPTIONS, readBoard, readOptions, sameCell, type Cell, type Options } from './board'
import { studyTables } from './studyTable'

/** Where a method's weights come from; `file`: beside the recipe, null for the pack's own and for what is computed. */
interface Source {
  method: string
  weightsSha256: string | null
  file: string | null
}
function listOf(text: string, known: readonly string[], what: string): string[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const wrong = names.find((name) => !known.includes(name))
  if (wrong !== undefined)
    throw new SpqrError('BAD_INPUT', `There is no ${what} "${wrong}".`, `Choose from ${known.join(', ')}.`)
  return names.length > 0 ? names : [...known]
}

function sourcesOf({ id, adapters }: PackManifest): Source[] {
  const shipped = adapters
    .filter(({ role }) => role === 'alignment')
    .map(({ method, file }): Source => ({ method, weightsSha256: file.sha256, file: null }))
  const beside = filesIn(join(ROOT, 'models', id, 'adapters')).map((file): Source => ({
    method: basename(file, '.safetensors'),
    weightsSha256: sha256Hex(readFileSync(file)),
    file,
  }))
  const known = [...shipped, ...beside]
  const computed = COMPUTED_METHODS.filter((method) => known.every((source) => source.method !== method))
  return [...known, ...computed.map((method): Source => ({ method, weightsSha256: null, file: null }))]
}

const filesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.safetensors'))
        .map((name) => join(folder, name))
    : []

const parametersOf = ({ method, profile, scenario }: Cell, options: Options): Record<string, string> => ({
  pack: options.pack,
  preset: options.preset,
  method,
  scenario,
  threads: options.threads,
  train: profile,
  'train-steps': options['train-steps'],
})

/** A row keeps every number with its interval, and of the pictures nothing. */
function rowOf(
  { method, profile, scenario, weightsSha256 }: Cell & Source,
  packSha256: string,
  report: Report,
): Record<string, unknown> {
  const {
    id,
    createdAt,
    spec,
    environment,
    counts,
    scores,
    drift,
    harmfulness,
    quality,
    categories,
    languages,
    suites,
    curve,
  } = report
  return {
    method,
    profile,
    scenario,
    packSha256,
    weightsSha256,
    preset: spec.preset,
    id,
    createdAt,
    fineTune: spec.fineTune,
    environment,
    counts,
    scores,
    drift,
    harmfulness,
    quality,
    categories,
    languages,
    suites,
    curve,
  }
}

/** Enough for every reader of the file, at half its size. */
const sixDigits = (_: string, value: unknown): unknown =>
  typeof value === 'number' ? Number(value.toPrecision(6)) : value

/** One evaluation in a page of its own; the browser's storage is shared, so that base and aligned pictures are made once. */
async function evaluate(context: BrowserContext, url: string, cell: Cell & Source, options: Options): Promise<Report> {
  const parameters = JSON.stringify(parametersOf(cell, options))
  const { page } = await openPage(context, url)
  try {
    if (cell.file !== null)
      await inPage(
        page,
        `globalThis.spqr.addAdapters('alignment', ${JSON.stringify([readAdapterFile(cell.file, 1)])}, ${parameters})`,
      )
    const read = checkShape(ReportSchema, await inPage<unknown>(page, `globalThis.spqr.evaluate(${parameters})`))
    if (read.fault !== null)
      throw new SpqrError(
        'UNEXPECTED',
        `The page returned no Report: ${read.fault}.`,
        'Run npm run build and try again.',
      )
    const report = read.value
    if (!isComplete(report))
      throw new SpqrError(
        'UNEXPECTED',
        'The Report is incomplete.',
        'Run npm run evaluate with the same parameters and look at its notes.',
      )
    return report
  } finally {
    await page.close()
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv)
  const folder = join(ROOT, 'public', 'packs', options.pack)
  const manifest = v.parse(PackManifestSchema, JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')))
  const sources = sourcesOf(manifest)
  const methods = listOf(
    options.methods,
    sources.map(({ method }) => method),
    'method',
  )
  const profiles = listOf(options.profiles, PROFILES, 'profile')
  const scenarios = listOf(options.scenarios, SCENARIOS, 'scenario')
  // Scenario by scenario, so that a study that is cut short already compares every method somewhere.
  const chosen = methods.flatMap((method) => sources.filter((source) => source.method === method))
  const cells = scenarios.flatMap((scenario) =>
    chosen.flatMap((source) => profiles.map((profile): Cell & Source => ({ ...source, profile, scenario }))),
  )
  const packSha256 = packHash(manifest)
  if (options.out === '' && (options.preset !== OPTIONS.preset || options['train-steps'] !== OPTIONS['train-steps'])) {
    throw new SpqrError(
      'BAD_INPUT',
      `The pack's leaderboard holds rows of the ${OPTIONS.preset} preset and ${OPTIONS['train-steps']} steps; others would not compare.`,
      'Name a file of your own with --out.',
    )
  }
  const file = options.out === '' ? join(folder, 'leaderboard.json') : options.out
  assertWritable(file)
  const known = readBoard(file, packSha256)
  const isKnown = (cell: Cell & Source): boolean =>
    known
      .filter(sameCell(cell))
      .some(
        (row) =>
          row.preset === options.preset &&
          row.fineTune.steps === Number(options['train-steps']) &&
          row.weightsSha256 === cell.weightsSha256,
      )

  const open = cells.filter((cell) => !isKnown(cell))
  const failed = open.length === 0 ? 0 : await evaluateAll(open, file, packSha256, options)
  const rows = readBoard(file, packSha256)
  const { general, others } = studyTables(rows.filter(({ preset }) => preset === options.preset))
  console.log(`${general}\n\n${others}\n\n${rows.length} rows in ${basename(file)}, ${failed} evaluations failed`)
  return failed === 0 ? 0 : 1
}

/** Evaluates cell by cell and writes each row at once; returns how many failed. */
async function evaluateAll(
  cells: readonly (Cell & Source)[],
  file: string,
  packSha256: string,
  options: Options,
): Promise<number> {
  return withBrowser(false, async ({ context }, url) => {
    let failed = 0
    for (const cell of cells) {
      const name = `${cell.method} × ${cell.profile} × ${cell.scenario}`
      try {
        const report = await evaluate(context, url, cell, options)
        const row = rowOf(cell, packSha256, report)
        const others = readBoard(file, packSha256).filter((other) => !sameCell(cell)(other))
        writeFileSync(`${file}.new`, `${JSON.stringify({ schema: 1, rows: [...others, row] }, sixDigits)}\n`)
        renameSync(`${file}.new`, file)
        console.log(
          `${name}: SPQR ${report.scores.SPQR.value?.toFixed(3)}, Δh ${report.drift.value?.toFixed(1)}, ${report.timings.totalSeconds.toFixed(0)} s`,
        )
      } catch (thrown) {
        failed += 1
        console.error(`${name}: ${reviveError(thrown).message}`)
      }
    }
    return failed
  })
}

await command(main)
