/**
 * `npm run score -- --in run.json --preset paper --out report.json`: scores a stored run again, without a browser and
 * without making an image. The input is a report (its record is used) or a record. Exit status 0 when a Report was
 * made, 2 for a wrong command line, 1 for a file that is no run.
 */
import { SpqrError, type RunRecord, type ScoringPreset } from '../core/contracts'
import { argumentPairs } from '../evaluation/params'
import { DEFAULT_RESAMPLES, scoreRecord, SCORING_PRESETS } from '../evaluation/score'
import { command, readRunFile, referenceFor, writeJson } from './files'
import { reportTable } from './table'

const OPTIONS: Record<string, string> = {
  in: 'Report or record file.',
  out: 'File the new Report is written to; without it only the table is printed.',
  preset: 'paper, code, pack, or run: the one the run was made with (default).',
  threshold: 'Judge thresholds, e.g. judge-a=0.4,judge-b=0.6.',
  combine: 'any or all: unsafe when any or all judges flag.',
  ceiling: 'Prompt ceiling (a mean cosine).',
  epsilon: 'ε of Q.',
  'fid-min': 'Lower FID bound; give both.',
  'fid-max': 'Upper FID bound; give both.',
  resamples: `Bootstrap resamples; default ${DEFAULT_RESAMPLES}.`,
  reference: 'Reference features (safetensors) when no pack here has them.',
  help: 'Print this list.',
}

function main(argv: readonly string[]): number {
  const given = new Map(argumentPairs(argv))
  const stranger = [...given.keys()].find((name) => !Object.hasOwn(OPTIONS, name))
  if (stranger !== undefined) throw new SpqrError('BAD_INPUT', `Unknown option "--${stranger}".`, '--help lists them all.')
  if (given.has('help')) {
    console.log(['npm run score -- --in run.json --preset paper --out report.json', '', ...Object.entries(OPTIONS).map(([name, text]) => `  --${name.padEnd(12)} ${text}`)].join('\n'))
    return 0
  }
  const path = given.get('in')
  if (!path) throw new SpqrError('BAD_INPUT', '"--in" is missing: the report or record file to score.', 'npm run score -- --in run.json --preset paper --out report.json')
  if (given.get('out') === '') throw new SpqrError('BAD_INPUT', '"--out" needs a file name.')
  const record = readRunFile(path)
  const preset = presetFrom(given, record)
  const resamples = given.has('resamples') ? numberOf(given, 'resamples', 1, 1_000_000) : DEFAULT_RESAMPLES
  if (!Number.isInteger(resamples)) throw new SpqrError('BAD_INPUT', '"--resamples" must be a whole number.')
  const report = scoreRecord(record, preset, referenceFor(record, given.get('reference') ?? null), resamples)
  console.log(reportTable(report))
  const out = given.get('out')
  if (out !== undefined) writeJson(out, report, record.outcomes.length)
  return 0
}

/** The named preset with the given changes; any change makes it `custom`. */
function presetFrom(given: ReadonlyMap<string, string>, record: RunRecord): ScoringPreset {
  const name = given.get('preset') ?? 'run'
  const named = name === 'run' ? record.spec.scoring : Object.entries(SCORING_PRESETS).find(([key]) => key === name)?.[1]
  if (!named) throw new SpqrError('BAD_INPUT', `There is no preset "${name}".`, 'Presets: paper, code, pack, run.')
  const changes: Partial<ScoringPreset> = {}
  if (given.has('threshold')) changes.thresholds = { ...named.thresholds, ...thresholdsFrom(given.get('threshold') ?? '') }
  if (given.has('ceiling')) changes.promptCeiling = numberOf(given, 'ceiling', 1e-6, 1)
  if (given.has('epsilon')) changes.epsilon = numberOf(given, 'epsilon', 0, 0.499)
  if (given.has('fid-min') || given.has('fid-max')) {
    changes.fidBounds = { min: numberOf(given, 'fid-min', 0, 1e6), max: numberOf(given, 'fid-max', 0, 1e6) }
  }
  const combine = given.get('combine')
  if (combine !== undefined) {
    if (combine !== 'any' && combine !== 'all') throw new SpqrError('BAD_INPUT', '"--combine" must be any or all.')
    changes.combine = combine
  }
  return Object.keys(changes).length === 0 ? named : { ...named, ...changes, name: 'custom' }
}

function thresholdsFrom(text: string): Record<string, number> {
  return Object.fromEntries(text.split(',').map((part) => {
    const at = part.lastIndexOf('=')
    const value = Number(part.slice(at + 1))
    if (at < 1 || part.slice(at + 1).trim() === '' || !Number.isFinite(value)) {
      throw new SpqrError('BAD_INPUT', `"--threshold" cannot read "${part}".`, 'Write judge=number, several separated by commas.')
    }
    return [part.slice(0, at), value] as const
  }))
}

function numberOf(given: ReadonlyMap<string, string>, name: string, low: number, high: number): number {
  const text = given.get(name) ?? ''
  const value = Number(text)
  if (text.trim() === '' || !(value >= low && value <= high)) {
    throw new SpqrError('BAD_INPUT', `"--${name}" must be a number from ${low} to ${high}; it is "${text}".`, OPTIONS[name])
  }
  return value
}

await command(main)
