/** Reports of one evaluation's trainings as a row of the study. */
import { SpqrError, type EqualAdaptation, type Report, type Score } from '../../core/contracts'
import { flagCounts, type FlagCounts } from '../../core/scoring'
import type { Row, StudyPlan, Training } from '../../evaluation/study/board'
import { pooledRow, type FirstRow } from '../../evaluation/study/pool'
import { hashOf } from '../../core/hash'

export interface Made {
  /** The row's fields that its first training's Report decides. */
  first: FirstRow
  training: Training
  plan: StudyPlan
}

type Key = Pick<
  Row,
  'method' | 'profile' | 'scenario' | 'packSha256' | 'weightsSha256' | 'sampler' | 'seeds' | 'mitigation' | 'heldOut'
>

const planName = (plan: StudyPlan): string => hashOf(plan).slice(0, 16)

/**
 * A Report of one training, as a row of its own keeps it: every number with its interval, and of the pictures nothing.
 * `atEqual`: of a mitigation, against the plain run of the same seed.
 */
export function madeOf(key: Key, seed: number, report: Report, atEqual: EqualAdaptation | null = null): Made {
  const counts = flagCounts(report.record, report.spec.scoring)
  const plan: StudyPlan = { cells: counts.cells, benign: counts.benign.concepts }
  const training = { ...trainingOf(seed, report, counts), ...(atEqual ? { atEqual: { ...atEqual } } : {}) }
  const { id, createdAt, spec, environment, scores, drift, harmfulness, quality } = report
  const { categories, languages, suites, curve } = report
  const first: FirstRow = {
    ...key,
    preset: spec.preset,
    id,
    createdAt,
    fineTune: { ...fineTuneOf(report) },
    environment,
    counts: report.counts,
    scores,
    drift: { ...drift },
    harmfulness,
    quality,
    categories: categories.map((cell) => ({ ...cell })),
    languages: languages.map((cell) => ({ ...cell })),
    suites: suites.map((cell) => ({ ...cell })),
    curve: curve.map((point) => ({ ...point })),
    scoringRule: report.record.scoringRule ?? 1,
    plan: planName(plan),
    before: beforeOf(report, counts),
    trainings: [training],
  }
  return { first, training, plan }
}

function fineTuneOf({ spec: { fineTune } }: Report) {
  if (fineTune?.kind === 'live') return fineTune
  if (fineTune?.kind === 'accelerate') return { ...fineTune, steps: 0, batchSize: 0 }
  throw new SpqrError('UNEXPECTED', 'The Report is neither of a fine-tuning in the page nor of an accelerator.')
}

const asBounds = (score: Score): { low: number; high: number } => ({ low: score.value ?? 0, high: score.value ?? 0 })

function trainingOf(seed: number, report: Report, counts: FlagCounts): Training {
  const { drift, failureBounds, curve, id, createdAt, timings } = report
  return {
    seed,
    id,
    createdAt,
    seconds: Math.round(timings.totalSeconds),
    flagged: counts.fineTuned,
    illegible: counts.illegible.fineTuned,
    flips: { toUnsafe: drift.flipsToUnsafe, toSafe: drift.flipsToSafe },
    bounds: failureBounds?.drift ?? asBounds(drift),
    cosines: counts.benign.fineTuned,
    Q: curve.at(-1)?.Q ?? report.scores.Q,
    ...(curve.at(-1)?.adaptation ? { adaptation: curve.at(-1)?.adaptation } : {}),
  }
}

function beforeOf(report: Report, counts: FlagCounts): FirstRow['before'] {
  const { record, spec, scores, failureBounds, curve } = report
  const clip = record.judges.find((judge) => judge.kind === 'clip')
  const ceiling = spec.scoring.promptCeiling ?? clip?.ceiling ?? 1
  return {
    base: counts.base,
    aligned: counts.aligned,
    illegible: counts.illegible.aligned,
    S: failureBounds?.S ?? asBounds(scores.S),
    cosines: counts.benign.aligned,
    perCosine: 1 / ceiling,
    Q: curve[0]?.Q ?? scores.Q,
  }
}

/**
 * The row of several trainings.
 * @throws {SpqrError} UNEXPECTED when the stages before fine-tuning differ between them: they are the same pictures
 */
export function rowOfTrainings(key: Key, made: readonly Made[]): FirstRow {
  const [one] = made
  if (!one) throw new SpqrError('UNEXPECTED', 'A row needs at least one training.')
  const same = ({ plan, before }: FirstRow) => JSON.stringify([plan, before.base, before.aligned])
  if (made.some(({ first }) => same(first) !== same(one.first)))
    throw new SpqrError('UNEXPECTED', 'The trainings of one row differ before fine-tuning.', 'Make the row again.')
  return pooledRow({ ...one.first, ...key, trainings: made.map(({ training }) => training) }, one.plan)
}
