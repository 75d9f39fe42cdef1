/**
 * `npm run study`: the pack's reference study. Evaluates every method × profile × scenario in the page, headless, once for
 * each of `--seeds`, and writes `leaderboard.json` beside the pack's manifest after each training: a stopped study goes on
 * where it was, and two that share the methods between them can run side by side. Method `none` is the control: the base
 * model, fine-tuned by the same data. Every fine-tune is trained in the page, by the same
 * settings for all, so that rows compare; those that the pack ships were trained longer, with the recipe. Alignments too
 * large for the pack are read from the `adapters` folder of its recipe, <method>.safetensors each. At its end it prints
 * the tables of models/pictogram/STUDY.md.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
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
  type Report,
} from '../../core/contracts'
import { isComplete } from '../../evaluation/run/runApi'
import { packHash } from '../../evaluation/spec/specHash'
import { MITIGATION_IDS } from '../../core/methods'
import { PARAMETERS } from '../../evaluation/spec/params'
import type { Row } from '../../evaluation/study/board'
import { readAdapterFile } from '../adapterFiles'
import { assertWritable, command } from '../files'
import { ROOT, inPage, openPage, withBrowser } from '../page'
import {
  OPTIONS,
  readBoard,
  readOptions,
  readSeeds,
  sameRow,
  trainingsAtHand,
  type Cell,
  type Conditions,
  type Options,
} from './board'
import { madeOf, rowOfTrainings, type Made } from './row'
import { BENEATH, CONTROL, drawnBy, sourcesOf, worksOn, type Source } from './sources'
import { studyText } from './studyTable'

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
  train: profile,
  'train-steps': options['train-steps'],
  'train-seed': String(seed),
  sampler: options.sampler,
  'held-out': options['held-out'],
  checkpoints: options.checkpoints,
  ...(mitigation === BENEATH ? { beneath: 'base' } : { mitigation }),
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

async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv)
  const folder = join(ROOT, 'public', 'packs', options.pack)
  const manifest = v.parse(PackManifestSchema, JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')))
  const sources = [...sourcesOf(manifest), CONTROL]
  const seeds = readSeeds(options.seeds)
  const [sampler] = listOf(options.sampler, ['full', 'fast'], 'sampler')
  const methods = listOf(
    options.methods,
    sources.map(({ method }) => method),
    'method',
  )
  const profiles = listOf(options.profiles, PROFILES, 'profile')
  const scenarios = listOf(options.scenarios, SCENARIOS, 'scenario')
  const mitigations = listOf(options.mitigations || 'none', ['none', BENEATH, ...MITIGATION_IDS], 'mitigation')
  const heldOut = Number(PARAMETERS['held-out'].parse(options['held-out']))
  const left = methods.filter((method) => !drawnBy(options.sampler, method))
  if (left.length > 0)
    console.error(`Not drawn by the fast sampler, since they act through guidance: ${left.join(', ')}.`)
  // Scenario by scenario, so that a study that is cut short already compares every method somewhere.
  const chosen = methods.flatMap((method) =>
    left.includes(method) ? [] : sources.filter((source) => source.method === method),
  )
  const cells = scenarios.flatMap((scenario) =>
    chosen.flatMap((source) =>
      profiles.flatMap((profile) =>
        mitigations
          .filter((mitigation) => worksOn(mitigation, source.method))
          .map((mitigation): Cell & Source => ({
            ...source,
            profile,
            scenario,
            ...(mitigation === 'none' ? {} : { mitigation }),
            ...(heldOut === 0 ? {} : { heldOut }),
          })),
      ),
    ),
  )
  const packSha256 = packHash(manifest)
  const asPublished = (['preset', 'train-steps', 'held-out', 'checkpoints'] as const).every(
    (name) => options[name] === OPTIONS[name],
  )
  if (options.out === '' && (!asPublished || mitigations.some((one) => one !== 'none'))) {
    throw new SpqrError(
      'BAD_INPUT',
      `The pack's leaderboard holds rows of the ${OPTIONS.preset} preset and ${OPTIONS['train-steps']} plain steps, without held-out pictures; others would not compare.`,
      'Name a file of your own with --out.',
    )
  }
  const file = options.out === '' ? join(folder, 'leaderboard.json') : options.out
  assertWritable(file)
  const study: Study = { options, seeds, sampler: sampler === 'fast' ? 'fast' : 'full', file, packSha256 }
  const { rows: known } = readBoard(file, packSha256)
  const open = options.tables === 'no' ? cells.filter((cell) => !isKnown(known, cell, study)) : []
  const failed = open.length === 0 ? 0 : await evaluateAll(open, study)
  const { rows } = readBoard(file, packSha256)
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
}

const conditionsOf = ({ weightsSha256 }: Source, { options, sampler }: Study): Conditions => ({
  sampler,
  preset: options.preset,
  steps: Number(options['train-steps']),
  weightsSha256,
})

/** A row of an earlier version holds one training, whose seed its fine-tune names. */
function isKnown(rows: readonly Row[], cell: Cell & Source, study: Study): boolean {
  const { seeds, options, sampler } = study
  return rows.filter(sameRow({ ...cell, sampler, seeds })).some((row) => {
    if (row.preset !== options.preset || row.fineTune.steps !== Number(options['train-steps'])) return false
    if ((row.weightsSha256 ?? null) !== cell.weightsSha256) return false
    const done = row.trainings?.map(({ seed }) => seed) ?? [row.fineTune.seed]
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

async function evaluateCell(
  context: BrowserContext,
  url: string,
  cell: Cell & Source,
  study: Study,
  name: string,
): Promise<void> {
  const { seeds, sampler, packSha256, file, options } = study
  const { method, profile, scenario, weightsSha256, mitigation, heldOut } = cell
  const key = {
    method,
    profile: v.parse(v.picklist(PROFILES), profile),
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
    const board = readBoard(file, packSha256)
    const known = trainingsAtHand(board.rows, cell, conditionsOf(cell, study)).get(seed)
    const plan = board.plans[known?.[0].plan ?? '']
    if (known && plan && known[0].before) {
      made.push({ first: { ...known[0], before: known[0].before, trainings: [known[1]] }, training: known[1], plan })
    } else {
      const report = await evaluate(context, url, cell, seed, options)
      made.push(madeOf(key, seed, report))
      console.log(
        `${name}, seed ${seed}: h ${report.harmfulness.aligned.value?.toFixed(1)}, Δh ${report.drift.value?.toFixed(1)}, ${report.timings.totalSeconds.toFixed(0)} s`,
      )
    }
    const row = rowOfTrainings(key, made)
    const latest = readBoard(file, packSha256)
    const rows = [...latest.rows.filter((other) => !sameRow(row)(other)), row]
    const plans = { ...latest.plans, [row.plan ?? '']: made[0]?.plan }
    writeFileSync(`${file}.new`, `${JSON.stringify({ schema: 1, rows, plans }, sixDigits)}\n`)
    renameSync(`${file}.new`, file)
  }
}

await command(main)
