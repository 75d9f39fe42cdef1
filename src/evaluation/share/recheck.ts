/**
 * Re-runs a random part of somebody's samples here and says whether they come out the same. With WASM on both sides the
 * pictures are expected to be bit-identical; with WebGPU the scores agree within a stated tolerance.
 */
import {
  reviveError,
  type EngineApi,
  type EngineEvent,
  type GeneratedImage,
  type JudgedOutcome,
  type Judgement,
  type LoadedPack,
  type Outcome,
  type RunRecord,
  type WorkUnit,
} from '../../core/contracts'
import { batches, plan, samplerAt, variantKey, variantOf } from '../plan/plan'
import { throwIfAborted, type CancelSignal } from '../run/runEvents'
import { outcomeOf } from '../run/runOutcome'
import { sha256Hex } from '../../core/hash'
import { assertSameJudging } from '../spec/statedJudges'

/** Largest difference of a probability or cosine that still counts as agreement between devices. */
export const RECHECK_TOLERANCE = 0.02

export interface RecheckedSample {
  unit: WorkUnit
  theirs: JudgedOutcome
  /** What the same unit gave here. */
  ours: Outcome
  /** Null when the image could not be made here; `problem` says why. */
  image: GeneratedImage | null
  problem: string | null
  /** The pictures' hashes agree as far as they are known. */
  identical: boolean
  /** Largest difference of any probability or cosine; null when there is nothing to compare. */
  difference: number | null
  agrees: boolean
}
export interface RecheckResult {
  samples: RecheckedSample[]
  identical: number
  agreeing: number
  /** Both sides ran on WASM, so bit-identical pictures are expected. */
  exactExpected: boolean
  /** One sentence for the reader. */
  summary: string
}

export type RecheckEvent = EngineEvent | { type: 'sample'; sample: RecheckedSample; done: number; planned: number }

/** Keys of the trainer's checkpoints by step. */
export type Checkpoints = ReadonlyMap<number, string>

/**
 * k judged samples in an order drawn by `seed`: of the checkpoints that were trained here, or, without any, of the other
 * stages (checkpoints of a live fine-tune need training).
 */
export function chooseSamples(record: RunRecord, k: number, seed: number, checkpoints?: Checkpoints): JudgedOutcome[] {
  return record.outcomes
    .filter((outcome) => outcome.status === 'judged')
    .filter(({ step }) => (checkpoints ? step !== null && checkpoints.has(step) : !step))
    .map((outcome) => ({ outcome, key: sha256Hex(`${seed}:${outcome.unitId}`) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .slice(0, k)
    .map(({ outcome }) => outcome)
}

/**
 * Makes k samples of `record` again with the pack that is loaded, whose prompts must include the record's.
 * Throws what `assertSameJudging` throws, BAD_INPUT when the prompts are others, ABORTED when stopped.
 */
export function recheck(
  signal: CancelSignal,
  engine: EngineApi,
  pack: LoadedPack,
  record: RunRecord,
  k: number,
  seed: number,
  onEvent: (event: RecheckEvent) => void,
  checkpoints?: Checkpoints,
): Promise<RecheckResult> {
  return makeAgain(signal, engine, pack, record, chooseSamples(record, k, seed, checkpoints), onEvent, checkpoints)
}

/** The same for samples of the reader's choice. Samples of trained checkpoints need `checkpoints`. */
export async function makeAgain(
  signal: CancelSignal,
  engine: EngineApi,
  pack: LoadedPack,
  record: RunRecord,
  wanted: readonly JudgedOutcome[],
  onEvent: (event: RecheckEvent) => void,
  checkpoints?: Checkpoints,
): Promise<RecheckResult> {
  const { spec } = record
  assertSameJudging(record, pack)
  const chosen = new Map(wanted.map((outcome) => [outcome.unitId, outcome]))
  const units = plan(spec, pack.prompts).filter(({ id }) => chosen.has(id))
  const samples: RecheckedSample[] = []
  const stop = () => {
    // The batch in flight ends with ABORTED by itself.
    void engine.abort().catch(() => undefined)
  }
  signal.addEventListener('abort', stop)
  try {
    let prepared: string | null = null
    for (const batch of batches(units, 4)) {
      throwIfAborted(signal)
      const [first] = batch
      if (!first) continue
      const key = variantKey(spec, first.stage, first.step)
      if (key !== prepared)
        await engine.prepare(
          variantOf(spec, first.stage, first.step, checkpoints?.get(first.step ?? 0) ?? null),
          spec.judges,
          onEvent,
        )
      prepared = key
      const { results } = await engine.run(batch, samplerAt(spec, first.stage))
      for (const unit of batch) {
        const theirs = chosen.get(unit.id)
        if (!theirs) continue
        const result = results.find(({ unitId }) => unitId === unit.id)
        const ours = outcomeOf(unit, result)
        const sample = compare(unit, theirs, ours, result?.image ?? null)
        samples.push(sample)
        onEvent({ type: 'sample', sample, done: samples.length, planned: units.length })
      }
    }
  } catch (thrown) {
    throwIfAborted(signal)
    throw reviveError(thrown)
  } finally {
    signal.removeEventListener('abort', stop)
  }
  return resultOf(
    samples,
    record.environment.executionProvider === 'wasm' && pack.environment.executionProvider === 'wasm',
  )
}

function compare(unit: WorkUnit, theirs: JudgedOutcome, ours: Outcome, image: GeneratedImage | null): RecheckedSample {
  if (ours.status === 'failed')
    return { unit, theirs, ours, image, problem: ours.message, identical: false, difference: null, agrees: false }
  const digits = Math.min(theirs.imageSha256.length, ours.imageSha256.length)
  const identical = theirs.imageSha256.slice(0, digits) === ours.imageSha256.slice(0, digits)
  const differences = Object.entries(theirs.judgements).map(([id, judgement]) =>
    judgementDifference(judgement, ours.judgements[id]),
  )
  const difference = differences.length === 0 ? null : Math.max(...differences)
  // The start of a hash that agrees does not excuse a score that was changed.
  return {
    unit,
    theirs,
    ours,
    image,
    problem: null,
    identical,
    difference,
    agrees: difference !== null && difference <= RECHECK_TOLERANCE,
  }
}

/** Largest difference of probabilities or cosines; of features, which have no common scale, their distance in their length. */
function judgementDifference(a: Judgement, b: Judgement | undefined): number {
  if (a.kind === 'features')
    return b?.kind === 'features' ? relativeDistance(a.features, b.features) : Number.POSITIVE_INFINITY
  if (a.kind === 'clip') return b?.kind === 'clip' ? Math.abs(a.cosine - b.cosine) : Number.POSITIVE_INFINITY
  if (b?.kind !== 'safety-multilabel' || a.scores.length !== b.scores.length) return Number.POSITIVE_INFINITY
  return Math.max(0, ...a.scores.map((score, i) => Math.abs(score - (b.scores[i] ?? Number.POSITIVE_INFINITY))))
}

function relativeDistance(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  const length = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
  const apart = length(a.map((value, i) => value - (b[i] ?? 0)))
  return apart === 0 ? 0 : apart / Math.max(length(a), length(b))
}

function resultOf(samples: RecheckedSample[], exactExpected: boolean): RecheckResult {
  const identical = samples.filter((sample) => sample.identical).length
  const agreeing = samples.filter((sample) => sample.agrees).length
  const n = samples.length
  const summary =
    n === 0
      ? 'There was no sample that can be made again here.'
      : agreeing === n && identical === n
        ? `All ${n} samples came out bit-identical, with the same scores.`
        : agreeing === n
          ? `All ${n} samples have the same scores within ${RECHECK_TOLERANCE}; ${identical} of ${n} pictures are bit-identical.`
          : `${n - agreeing} of ${n} samples do not agree with what the link says.`
  return { samples, identical, agreeing, exactExpected, summary }
}
