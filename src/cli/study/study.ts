/**
 * `npm run study`: the pack's reference study. Evaluates every method × profile × scenario in the page, headless, once for
 * each of `--seeds`, and writes `leaderboard.json` beside the pack's manifest after each training: a stopped study goes on
 * where it was, and two that share the methods between them can run side by side. Method `none` is the control: the base
 * model, fine-tuned by the same data; profile `accelerate` adds the accelerator instead. Every fine-tune is trained in the page, by the same
 * settings for all, so that rows compare; those that the pack ships were trained longer, with the recipe. Alignments too
 * large for the pack are read from the `adapters` folder of its recipe, <method>.safetensors each. At its end it prints
 * the tables of models/pictogram/STUDY.md.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { BrowserContext } from 'playwright'
import * as v from 'valibot'
import {
  PackManifestSchema,
  type PackManifest,
  ReportSchema,
  SCENARIOS,
  SpqrError,
  checkShape,
  reviveError,
  type Report,
} from '../../core/contracts'
import { readAccelerator } from '../../core/adapters'
import { compareReports } from '../../core/scoring'
import { isComplete } from '../../evaluation/run/runApi'
import { packHash } from '../../evaluation/spec/specHash'
import { STUDY_PROFILES, type Row } from '../../evaluation/study/board'
import { readAdapterFile } from '../adapterFiles'
import { assertWritable, command } from '../files'
import { ROOT, inPage, openPage, withBrowser } from '../page'
import {
  OPTIONS,
  isHeld,
  readBoard,
  readOptions,
  readSeeds,
  sameRow,
  trainingsAtHand,
  type Cell,
  type Conditions,
  type Options,
} from './board'
import { keepPlain, plainFile, readPlain } from './plain'
import { madeOf, rowOfTrainings, type Made } from './row'
import { ACCELERATE, cellsOf } from './cells'
import { BENEATH, type Source } from './sources'
import { studyText } from './studyTable'

const parametersOf = (
  { method, profile, scenario, mitigation = 'none' }: Cell,
  seed: number,
  options: Options,
): Record<string, string> => ({
  pack: options.pack,
  preset: options.preset,
  method,
  scenario,
  threads: options.threads,
  sampler: options.sampler,
  ...(profile === ACCELERATE
    ? { profile }
    : {
        train: profile,
        'train-steps': options['train-steps'],
        'train-seed': String(seed),
        'held-out': options['held-out'],
        // Only a plain run is measured on its way: there it says how harmful a model is that stopped earlier.
        checkpoints: mitigation === 'none' ? options.checkpoints : '',
        ...(mitigation === BENEATH ? { beneath: 'base' } : { mitigation }),
      }),
})

/** Enough for every reader of the file, at half its size. */
const sixDigits = (_: string, value: unknown): unknown =>
  typeof value === 'number' ? Number(value.toPrecision(6)) : value

/** One evaluation in a page of its own; the browser's storage is shared, so that base and aligned pictures are made once. */
async function evaluate(
  context: BrowserContext,
  url: string,
  cell: Cell & Source,
  seed: number,
  options: Options,
): Promise<Report> {
  const parameters = JSON.stringify(parametersOf(cell, seed, options))
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

/** SHA-256 of the accelerator that was trained on the base alone; null where the pack has none. */
function acceleratorOf(folder: string, { model }: PackManifest): string | null {
  const file = join(folder, 'accelerator.json')
  return existsSync(file)
    ? (readAccelerator(JSON.parse(readFileSync(file, 'utf8')), model).onBase?.sha256 ?? null)
    : null
}

async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv)
  const folder = join(ROOT, 'public', 'packs', options.pack)
  const manifest = v.parse(PackManifestSchema, JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')))
  const seeds = readSeeds(options.seeds)
  const { cells, left, sampler, plain } = cellsOf(options, manifest)
  if (left.length > 0)
    console.error(`Left out, since they act through guidance, which an accelerator has inside: ${left.join(', ')}.`)
  if (seeds.length > 1 && cells.some(({ profile }) => profile === ACCELERATE))
    console.error('The accelerator is one, not trained here: its rows have one training, whatever --seeds says.')
  const packSha256 = packHash(manifest)
  const accelerator = acceleratorOf(folder, manifest)
  const asPublished = (['preset', 'train-steps', 'held-out', 'checkpoints'] as const).every(
    (name) => options[name] === OPTIONS[name],
  )
  if (options.out === '' && (!asPublished || !plain)) {
    throw new SpqrError(
      'BAD_INPUT',
      `The pack's leaderboard holds rows of the ${OPTIONS.preset} preset and ${OPTIONS['train-steps']} plain steps, without held-out pictures; others would not compare.`,
      'Name a file of your own with --out.',
    )
  }
  const file = options.out === '' ? join(folder, 'leaderboard.json') : options.out
  assertWritable(file)
  const study: Study = { options, seeds, sampler, file, packSha256, accelerator }
  const { rows: known } = readBoard(file, packSha256, accelerator)
  const open = options.tables === 'no' ? cells.filter((cell) => !isKnown(known, cell, study)) : []
  const failed = open.length === 0 ? 0 : await evaluateAll(open, study)
  const { rows } = readBoard(file, packSha256, accelerator)
  console.log(studyText(rows.filter(({ preset }) => preset === options.preset)))
  console.log(`\n${rows.length} rows in ${basename(file)}, ${failed} evaluations failed`)
  return failed === 0 ? 0 : 1
}

interface Study {
  options: Options
  seeds: number[]
  sampler: 'full' | 'fast'
  file: string
  packSha256: string
  /** SHA-256 of the pack's accelerator of its base; null where it has none. */
  accelerator: string | null
}

const stepsOf = ({ profile }: Cell, { options }: Study): number =>
  profile === ACCELERATE ? 0 : Number(options['train-steps'])
/** An accelerator is the same one every time. */
const seedsOf = ({ profile }: Cell, { seeds }: Study): number[] => (profile === ACCELERATE ? [0] : seeds)

const conditionsOf = (cell: Cell & Source, study: Study): Conditions => ({
  sampler: study.sampler,
  preset: study.options.preset,
  steps: stepsOf(cell, study),
  weightsSha256: cell.weightsSha256,
})

/** A row of an earlier version holds one training, whose seed its fine-tune names. */
function isKnown(rows: readonly Row[], cell: Cell & Source, study: Study): boolean {
  const { options, sampler } = study
  const seeds = seedsOf(cell, study)
  return rows.filter(sameRow({ ...cell, sampler, seeds })).some((row) => {
    if (row.preset !== options.preset || row.fineTune.steps !== stepsOf(cell, study)) return false
    if ((row.weightsSha256 ?? null) !== cell.weightsSha256) return false
    const done = row.trainings?.filter(isHeld(cell)).map(({ seed }) => seed) ?? [row.fineTune.seed]
    return seeds.every((seed) => done.includes(seed))
  })
}

/** Evaluates cell by cell and writes each training at once; returns how many cells failed. */
async function evaluateAll(cells: readonly (Cell & Source)[], study: Study): Promise<number> {
  return withBrowser(false, async ({ context }, url) => {
    let failed = 0
    for (const cell of cells) {
      const name = [cell.method, cell.profile, cell.scenario, ...(cell.mitigation ? [cell.mitigation] : [])].join(' × ')
      try {
        await evaluateCell(context, url, cell, study, name)
      } catch (thrown) {
        failed += 1
        console.error(`${name}: ${reviveError(thrown).message}`)
      }
    }
    return failed
  })
}

/** The file of the plain run of a cell and seed, whatever the cell's own mitigation is. */
function plainOf(cell: Cell & Source, seed: number, { file, options, packSha256, accelerator }: Study): string {
  const { method, profile, scenario, weightsSha256 } = cell
  // How many threads draw it decides nothing.
  const parameters = parametersOf({ ...cell, mitigation: undefined }, seed, { ...options, threads: '' })
  return plainFile(file, [method, profile, scenario, seed], { parameters, packSha256, weightsSha256, accelerator })
}

/** The plain run that a mitigation is held against, made where it is not at hand; null where there is nothing to hold. */
async function plainRun(
  context: BrowserContext,
  url: string,
  cell: Cell & Source,
  seed: number,
  study: Study,
): Promise<Report | null> {
  if (cell.heldOut === undefined || cell.mitigation === undefined) return null
  const file = plainOf(cell, seed, study)
  const known = readPlain(file)
  if (known) return known
  const report = await evaluate(context, url, { ...cell, mitigation: undefined }, seed, study.options)
  keepPlain(file, report)
  return report
}

async function evaluateCell(
  context: BrowserContext,
  url: string,
  cell: Cell & Source,
  study: Study,
  name: string,
): Promise<void> {
  const { sampler, packSha256, accelerator, file, options } = study
  const seeds = seedsOf(cell, study)
  const { method, profile, scenario, weightsSha256, mitigation, heldOut } = cell
  const key = {
    method,
    profile: v.parse(v.picklist(STUDY_PROFILES), profile),
    scenario: v.parse(v.picklist(SCENARIOS), scenario),
    packSha256,
    weightsSha256,
    sampler,
    seeds,
    ...(mitigation === undefined ? {} : { mitigation }),
    ...(heldOut === undefined ? {} : { heldOut }),
  }
  const made: Made[] = []
  for (const seed of seeds) {
    const board = readBoard(file, packSha256, accelerator)
    const known = trainingsAtHand(board.rows, cell, conditionsOf(cell, study)).get(seed)
    const plan = board.plans[known?.[0].plan ?? '']
    if (known && plan && known[0].before) {
      made.push({ first: { ...known[0], before: known[0].before, trainings: [known[1]] }, training: known[1], plan })
    } else {
      const plain = await plainRun(context, url, cell, seed, study)
      const report = await evaluate(context, url, cell, seed, options)
      if (heldOut !== undefined && mitigation === undefined) keepPlain(plainOf(cell, seed, study), report)
      made.push(madeOf(key, seed, report, plain && compareReports(plain, report).adaptation))
      console.log(
        `${name}, seed ${seed}: h ${report.harmfulness.aligned.value?.toFixed(1)}, Δh ${report.drift.value?.toFixed(1)}, ${report.timings.totalSeconds.toFixed(0)} s`,
      )
    }
    const row = rowOfTrainings(key, made)
    const latest = readBoard(file, packSha256, accelerator)
    const rows = [...latest.rows.filter((other) => !sameRow(row)(other)), row]
    const plans = { ...latest.plans, [row.plan ?? '']: made[0]?.plan }
    writeFileSync(`${file}.new`, `${JSON.stringify({ schema: 1, rows, plans }, sixDigits)}\n`)
    renameSync(`${file}.new`, file)
  }
}

await command(main)
