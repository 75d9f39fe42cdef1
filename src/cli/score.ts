/**
 * `npm run score -- --in run.json --preset paper --out report.json`: scores a stored run again, without a browser and
 * without making an image. The input is a report (its record is used) or a record. `--suite`, `--category` and
 * `--language` take a part of it, `--against` compares it with another run, `--curve` moves a threshold. Exit status 0
 * when a Report was made, 2 for a wrong command line, 1 for a file that is no run.
 */
import {
  AXES,
  SpqrError,
  firstDifference,
  type Report,
  type RunRecord,
  type ScoringPreset,
  type Slice,
} from '../core/contracts'
import {
  compareReports,
  sliceRecord,
  thresholdCurve,
  DEFAULT_RESAMPLES,
  scoreRecord,
  SCORING_PRESETS,
  type ReadRecord,
} from '../core/scoring'
import { argumentPairs } from '../evaluation/spec/params'
import { command, readRunFile, readSealedRun, referenceFor, writeJson } from './files'
import { comparisonTable, curveTable, reportTable } from './table'

const OPTIONS: Record<string, string> = {
  in: 'Report or record file.',
  out: 'File the new Report is written to; without it only the table is printed.',
  preset:
    "paper, code, pack, run: the one the run was made with (default), or custom: the run's with constants of your own.",
  threshold: 'Judge thresholds, e.g. judge-a=0.4,judge-b=0.6.',
  combine: 'any or all: unsafe when any or all judges flag.',
  ceiling: 'Prompt ceiling (a mean cosine).',
  epsilon: 'ε of Q.',
  'fid-min': 'Lower FID bound; give both.',
  'fid-max': 'Upper FID bound; give both.',
  lambda: 'Weights of the axes, e.g. S=1,P=1,Q=1,R=2; those not named stay 1.',
  suite: 'Only these harmful suites, separated by commas.',
  category: 'Only these categories of harmful prompts, separated by commas.',
  language: 'Only prompts in these languages, separated by commas.',
  against: 'Another report or record: prints what changed from it, unit by unit.',
  curve: 'A safety judge: prints h and Δh against its threshold.',
  resamples: `Bootstrap resamples; default ${DEFAULT_RESAMPLES}.`,
  reference: 'Reference features (safetensors) when no pack here has them.',
  help: 'Print this list.',
}

function main(argv: readonly string[]): number {
  const given = new Map(argumentPairs(argv))
  const stranger = [...given.keys()].find((name) => !Object.hasOwn(OPTIONS, name))
  if (stranger !== undefined)
    throw new SpqrError('BAD_INPUT', `Unknown option "--${stranger}".`, '--help lists them all.')
  if (given.has('help')) {
    console.log(
      [
        'npm run score -- --in run.json --preset paper --out report.json',
        '',
        ...Object.entries(OPTIONS).map(([name, text]) => `  --${name.padEnd(12)} ${text}`),
      ].join('\n'),
    )
    return 0
  }
  const path = given.get('in')
  if (!path)
    throw new SpqrError(
      'BAD_INPUT',
      '"--in" is missing: the report or record file to score.',
      'npm run score -- --in run.json --preset paper --out report.json',
    )
  if (given.get('out') === '') throw new SpqrError('BAD_INPUT', '"--out" needs a file name.')
  const read = readSealedRun(path)
  const { record } = read
  const preset = presetFrom(given, record)
  const resamples = given.has('resamples') ? numberOf(given, 'resamples', 1, 1_000_000) : DEFAULT_RESAMPLES
  if (!Number.isInteger(resamples)) throw new SpqrError('BAD_INPUT', '"--resamples" must be a whole number.')
  const reference = referenceFor(record, given.get('reference') ?? null)
  sayDifference(path, read, reference)
  const slice = sliceFrom(given)
  const report = scoreRecord(record, preset, reference, resamples, slice)
  console.log(reportTable(report))
  const judge = given.get('curve')
  if (judge !== undefined)
    console.log(`\n${curveTable(judge, thresholdCurve(sliceRecord(record, slice), judge, preset, CURVE))}`)
  const against = given.get('against')
  if (against !== undefined) {
    const other = readRunFile(against)
    const others = referenceFor(other, given.get('reference') ?? null)
    const earlier = scoreRecord(other, preset, others, resamples, slice)
    const part = (whole: Report): Report => ({ ...whole, record: sliceRecord(whole.record, slice) })
    const comparison = compareReports(part(earlier), part(report), [others, reference])
    console.log(`\nFrom "${against}" to "${path}"\n${comparisonTable(comparison, [earlier, report])}`)
  }
  const out = given.get('out')
  if (out !== undefined) writeJson(out, report, record.outcomes.length)
  return 0
}

/** Says where a Report states another score than its samples give: somebody changed the one or the other. */
function sayDifference(path: string, { record, stated }: ReadRecord, reference: Float32Array | null): void {
  if (!stated) return
  const found = statedDifference(record, stated, reference)
  if (!found) return
  if (found instanceof SpqrError) {
    console.error(`What "${path}" states could not be checked: ${found.message}`)
    return
  }
  const { name, claimed, given } = found
  console.error(
    `"${path}" states ${name} ${claimed}, and its samples give ${given}: what follows is computed from the samples.`,
  )
}

/** The error where the file states scores of a part that its record does not have: its samples are scored all the same. */
function statedDifference(
  record: RunRecord,
  stated: NonNullable<ReadRecord['stated']>,
  reference: Float32Array | null,
) {
  try {
    const { scores } = scoreRecord(record, stated.spec.scoring, reference, FEWEST_RESAMPLES, stated.slice)
    return firstDifference(stated, scores)
  } catch (thrown) {
    if (thrown instanceof SpqrError) return thrown
    throw thrown
  }
}

/** Where the scores alone are asked for, and none of their intervals. */
const FEWEST_RESAMPLES = 1

/** Thresholds printed by `--curve`. */
const CURVE = Array.from({ length: 19 }, (_, i) => (i + 1) / 20)

const listIn = (given: ReadonlyMap<string, string>, name: string) =>
  (given.get(name) ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

const sliceFrom = (given: ReadonlyMap<string, string>): Slice => ({
  suites: listIn(given, 'suite'),
  categories: listIn(given, 'category'),
  languages: listIn(given, 'language'),
})

/** The named preset with the given changes; any change makes it `custom`. */
function presetFrom(given: ReadonlyMap<string, string>, record: RunRecord): ScoringPreset {
  const name = given.get('preset') ?? 'run'
  const named =
    name === 'run' || name === 'custom'
      ? record.spec.scoring
      : Object.entries(SCORING_PRESETS).find(([key]) => key === name)?.[1]
  if (!named)
    throw new SpqrError('BAD_INPUT', `There is no preset "${name}".`, 'Presets: paper, code, pack, custom, run.')
  const changes: Partial<ScoringPreset> = {}
  if (given.has('threshold'))
    changes.thresholds = { ...named.thresholds, ...numbersFrom('threshold', given.get('threshold') ?? '') }
  if (given.has('ceiling')) changes.promptCeiling = numberOf(given, 'ceiling', 1e-6, 1)
  if (given.has('epsilon')) changes.epsilon = numberOf(given, 'epsilon', 0, 0.499)
  if (given.has('fid-min') || given.has('fid-max')) {
    changes.fidBounds = { min: numberOf(given, 'fid-min', 0, 1e6), max: numberOf(given, 'fid-max', 0, 1e6) }
  }
  if (given.has('lambda')) {
    const weights = numbersFrom('lambda', given.get('lambda') ?? '')
    const stranger = Object.keys(weights).find((axis) => !(AXES as readonly string[]).includes(axis))
    if (stranger !== undefined)
      throw new SpqrError('BAD_INPUT', `"--lambda" knows no axis "${stranger}".`, `Axes: ${AXES.join(', ')}.`)
    changes.lambda = { ...named.lambda, ...weights }
  }
  const combine = given.get('combine')
  if (combine !== undefined) {
    if (combine !== 'any' && combine !== 'all') throw new SpqrError('BAD_INPUT', '"--combine" must be any or all.')
    changes.combine = combine
  }
  if (Object.keys(changes).length > 0) return { ...named, ...changes, name: 'custom' }
  if (name === 'custom')
    throw new SpqrError(
      'BAD_INPUT',
      'The preset "custom" was given no constant of its own.',
      'Add --ceiling, --epsilon, --fid-min and --fid-max, --lambda, --threshold or --combine.',
    )
  return named
}

/** "a=1,b=2" as numbers by name. */
function numbersFrom(option: string, text: string): Record<string, number> {
  return Object.fromEntries(
    text.split(',').map((part) => {
      const at = part.lastIndexOf('=')
      const value = Number(part.slice(at + 1))
      if (at < 1 || part.slice(at + 1).trim() === '' || !Number.isFinite(value)) {
        throw new SpqrError(
          'BAD_INPUT',
          `"--${option}" cannot read "${part}".`,
          'Write name=number, several separated by commas.',
        )
      }
      return [part.slice(0, at).trim(), value] as const
    }),
  )
}

function numberOf(given: ReadonlyMap<string, string>, name: string, low: number, high: number): number {
  const text = given.get(name) ?? ''
  const value = Number(text)
  if (text.trim() === '' || !(value >= low && value <= high)) {
    throw new SpqrError(
      'BAD_INPUT',
      `"--${name}" must be a number from ${low} to ${high}; it is "${text}".`,
      OPTIONS[name],
    )
  }
  return value
}

await command(main)
