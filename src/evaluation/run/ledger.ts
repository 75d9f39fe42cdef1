/** What a run has made so far: its outcomes, the pictures that serve again, and the times; every addition is stored. */
import type { BatchResult, GeneratedImage, Outcome, RunRecord, RunSpec, Timings, WorkUnit } from '../../core/contracts'
import { hashOf } from '../../core/hash'
import { deservesRetry, retried } from '../../core/scoring'
import { variantKey } from '../plan/plan'
import type { RunEvent, RunPorts } from './runEvents'
import { sameOutcome } from './runOutcome'
import { ProgressCounter } from './runProgress'

/** A unit with what became of it. */
export interface Made {
  unit: WorkUnit
  outcome: Outcome
  image: GeneratedImage | null
}

/** The record with what other runs have made of it already: a second fine-tune needs no new base and aligned pictures. */
export async function withShared(
  { store }: RunPorts,
  record: RunRecord,
  units: readonly WorkUnit[],
): Promise<RunRecord> {
  const known = new Set(record.outcomes.map(({ unitId }) => unitId))
  const open = new Map(units.filter(({ id }) => !known.has(id)).map((unit) => [unit.id, unit]))
  // The picture is the same, what it counts as need not be: labels are this run's. What was judged as harmful has no P and Q.
  const shared = (await store.judgedElsewhere(record, [...open.keys()])).flatMap((outcome) => {
    const unit = open.get(outcome.unitId)
    return unit && unit.harmful === outcome.harmful ? [sameOutcome(unit, outcome)] : []
  })
  if (shared.length === 0) return record
  await store.append(record.id, shared, [], record.timings)
  return { ...record, outcomes: [...record.outcomes, ...shared] }
}

export class Ledger {
  readonly progress: ProgressCounter
  readonly outcomes = new Map<string, Outcome>()
  readonly timings: Timings
  /** Units that failed in an earlier session, for a reason that may have passed: they are made once more. */
  private readonly failedBefore: ReadonlyMap<string, Outcome>
  /** Outcome per picture: a live checkpoint at step 0 is the aligned model, and need not be made twice. */
  private readonly pictures = new Map<string, Outcome>()
  /** Hashed once for each unit. */
  private readonly keys = new Map<string, string>()
  private lastTick: number

  constructor(
    private readonly ports: RunPorts,
    private readonly spec: RunSpec,
    units: readonly WorkUnit[],
    private readonly record: RunRecord,
    private readonly onEvent: (event: RunEvent) => void,
  ) {
    this.timings = { ...record.timings }
    this.lastTick = ports.now()
    this.progress = new ProgressCounter(units)
    const byId = new Map(units.map((unit) => [unit.id, unit]))
    const recorded = record.outcomes.filter((outcome) => byId.has(outcome.unitId))
    this.failedBefore = new Map(recorded.filter(deservesRetry).map((outcome) => [outcome.unitId, outcome]))
    const known = recorded.filter(({ unitId }) => !this.failedBefore.has(unitId))
    this.progress.add(known)
    for (const outcome of known) this.remember(byId.get(outcome.unitId), outcome)
  }

  /** Adds the time since the last call to the total; returns it in seconds. */
  tick(): number {
    const now = this.ports.now()
    const seconds = (now - this.lastTick) / 1000
    this.lastTick = now
    this.timings.totalSeconds += seconds
    return seconds
  }

  /** What passed since the last tick does not count. */
  skipTime(): void {
    this.lastTick = this.ports.now()
  }

  /** Adds what a batch took. */
  measure(batch: BatchResult, made: readonly Made[], seconds: number): void {
    this.timings.generateSeconds += batch.generateMs / 1000
    this.timings.judgeSeconds += batch.judgeMs / 1000
    this.timings.unetEvaluations += batch.unetEvaluations
    this.timings.images += made.filter(({ image }) => image !== null).length
    this.progress.measure(made.length, 1000 * seconds)
  }

  /** Units of a batch whose picture exists already take its outcome; returns their ids. */
  async reuse(batch: readonly WorkUnit[]): Promise<ReadonlySet<string>> {
    const results: Made[] = []
    for (const unit of batch) {
      const earlier = this.outcomes.has(unit.id) ? undefined : this.pictures.get(this.pictureKey(unit))
      if (!earlier) continue
      const image = await this.ports.store.image(earlier.unitId)
      results.push({ unit, outcome: sameOutcome(unit, earlier), image: image && { ...image, unitId: unit.id } })
    }
    if (results.length > 0) await this.keep(results)
    return new Set(results.map(({ unit }) => unit.id))
  }

  /** Whether units of these two batches have one picture, so that the second takes the outcome of the first. */
  sharePictures(first: readonly WorkUnit[], second: readonly WorkUnit[]): boolean {
    const keys = new Set(first.map((unit) => this.pictureKey(unit)))
    return second.some((unit) => keys.has(this.pictureKey(unit)))
  }

  /** Stores what was made and tells of it. */
  async keep(made: readonly Made[]): Promise<void> {
    const results = made.map((result) => ({
      ...result,
      outcome: retried(result.outcome, this.failedBefore.get(result.unit.id)),
    }))
    const outcomes = results.map(({ outcome }) => outcome)
    for (const { unit, outcome } of results) this.remember(unit, outcome)
    this.progress.add(outcomes)
    const images = results.flatMap(({ image }) => (image ? [image] : []))
    await this.ports.store.append(
      this.record.id,
      outcomes,
      images,
      { ...this.timings },
      outcomes.filter(({ unitId }) => this.failedBefore.has(unitId)).length,
    )
    this.onEvent({ type: 'results', results, progress: this.progress.snapshot() })
  }

  /** Pictures are equal when weights, guidance, sampler, text and noise are. */
  private pictureKey({ id, stage, step, text, seed }: WorkUnit): string {
    const known = this.keys.get(id)
    if (known !== undefined) return known
    const key = hashOf([variantKey(this.spec, stage, step), this.spec.sampler, text, seed])
    this.keys.set(id, key)
    return key
  }

  private remember(unit: WorkUnit | undefined, outcome: Outcome): void {
    this.outcomes.set(outcome.unitId, outcome)
    if (unit && outcome.status === 'judged') this.pictures.set(this.pictureKey(unit), outcome)
  }
}
