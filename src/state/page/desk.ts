/**
 * The page's side of the statistics worker. A record is sent once, in parts, and has a number there; every score,
 * curve, comparison and export afterwards sends a few constants. Runs too large for the page never come here at all.
 */
import {
  SpqrError,
  reviveError,
  type JudgeFacts,
  type Outcome,
  type ReadableFile,
  type Report,
  type RunNumber,
  type RunRecord,
  type ScoringPreset,
  type Slice,
  type Stated,
  type StatisticsApi,
  type StatisticsWorkerApi,
  type PlacedRun,
  type ComparisonPage,
  type ThresholdPoint,
} from '../../core/contracts'
import { DEFAULT_RESAMPLES } from '../../core/scoring'
import type { Connection } from './connect'

/** Outcomes sent or fetched at once: a part is copied within a frame, whatever the dimension of its features. */
const PART = 200
/** Runs of more outcomes stay in the worker: the page shows their report, not their pictures. */
export const PAGE_OUTCOMES = 6000

export type ReferenceOf = (facts: Extract<JudgeFacts, { kind: 'features' }>) => Promise<Float32Array | null>

export class Desk implements StatisticsApi {
  readonly #start: () => Connection<StatisticsWorkerApi>
  readonly #referenceOf: ReferenceOf
  #worker: Connection<StatisticsWorkerApi> | null = null
  #numbers = new WeakMap<RunRecord, Promise<RunNumber>>()
  readonly #unsealed = new WeakSet<RunRecord>()
  readonly #stated = new WeakMap<RunRecord, Stated>()
  #references = new WeakMap<RunRecord, Promise<Float32Array | null>>()
  /** Records that came as files and are too large for the page: lost with the worker. */
  readonly #away = new WeakMap<RunRecord, number>()
  /** A record nobody holds any more is forgotten in the worker too. */
  readonly #forgotten = new FinalizationRegistry<RunNumber>((run) => {
    this.#worker?.api.release(run).catch(() => undefined)
  })

  constructor(start: () => Connection<StatisticsWorkerApi>, referenceOf: ReferenceOf) {
    this.#start = start
    this.#referenceOf = referenceOf
  }

  /** Outcomes of a record that stay in the worker; 0 when the page has them. */
  away(record: RunRecord): number {
    return this.#away.get(record) ?? 0
  }

  /** Scores with the given reference features, which later calls keep. */
  async score(
    record: RunRecord,
    preset: ScoringPreset,
    reference: Float32Array | null,
    resamples: number,
  ): Promise<Report> {
    const known = await this.#references.get(record)
    if (known !== reference || !this.#references.has(record)) {
      await this.#ask(record, (api, run) => api.setReference(run, reference))
      this.#references.set(record, Promise.resolve(reference))
    }
    return this.rescore(record, preset, undefined, resamples)
  }

  /** Scores again under other constants, or a part of the run; reference features are found by the judge's facts. */
  async rescore(
    record: RunRecord,
    preset: ScoringPreset,
    slice?: Slice,
    resamples = DEFAULT_RESAMPLES,
  ): Promise<Report> {
    await this.#findReference(record)
    const report = await this.#ask(record, (api, run) => api.score(run, preset, resamples, slice))
    return { ...report, record }
  }

  thresholdCurve(
    record: RunRecord,
    judgeId: string,
    preset: ScoringPreset,
    thresholds: readonly number[],
    slice?: Slice,
  ): Promise<ThresholdPoint[]> {
    return this.#ask(record, (api, run) => api.thresholdCurve(run, judgeId, preset, thresholds, slice))
  }

  choices(record: RunRecord): Promise<Slice> {
    return this.#ask(record, (api, run) => api.choices(run))
  }

  /** Whether a record came from a file without a seal. */
  unsealed(record: RunRecord): boolean {
    return this.#unsealed.has(record)
  }

  /** What the Report file that a record came from claims of its scores. */
  stated(record: RunRecord): Stated | null {
    return this.#stated.get(record) ?? null
  }

  /** Reads a report or record file in the worker. Throws RECORD_INVALID. */
  async open(file: ReadableFile, name: string): Promise<RunRecord> {
    return this.#guard(async (api) => this.#take(await api.open(file, name)))
  }

  /** The record of all shards of one specification, and what was reconciled. */
  async merge(shards: readonly { name: string; record: RunRecord }[]): Promise<{ record: RunRecord; notes: string[] }> {
    const placed: { run: RunNumber; name: string }[] = []
    for (const { name, record } of shards) placed.push({ name, run: await this.#place(record) })
    return this.#guard(async (api) => {
      const { stored, notes } = await api.merge(placed)
      return { record: await this.#take(stored), notes }
    })
  }

  /** The differences of two reports, and what changed between them. */
  async compare(first: Report, second: Report): Promise<ComparisonPage> {
    // Q of both on the same prompts needs what their judges were measured against.
    await this.#findReference(first.record)
    await this.#findReference(second.record)
    const [one, other] = [await this.#place(first.record), await this.#place(second.record)]
    return this.#guard((api) =>
      api.compare({ run: one, report: withoutOutcomes(first) }, { run: other, report: withoutOutcomes(second) }),
    )
  }

  /** The whole report as a JSON file. */
  async file(report: Report): Promise<Blob> {
    const blob = await this.#ask(report.record, (api, run) => api.file({ run, report: withoutOutcomes(report) }))
    if (!(blob instanceof Blob)) throw new SpqrError('UNEXPECTED', 'The report could not be written.')
    return blob
  }

  async #findReference(record: RunRecord): Promise<void> {
    const known = this.#references.get(record)
    if (known) return void (await known)
    const facts = record.judges.find((judge) => judge.kind === 'features')
    const found = facts ? this.#referenceOf(facts) : Promise.resolve(null)
    this.#references.set(record, found)
    try {
      const reference = await found
      await this.#ask(record, (api, run) => api.setReference(run, reference))
      // What is not at hand now may be loaded later.
      if (reference === null) this.#references.delete(record)
    } catch (thrown) {
      this.#references.delete(record)
      throw thrown
    }
  }

  async #ask<T>(record: RunRecord, question: (api: StatisticsWorkerApi, run: RunNumber) => Promise<T>): Promise<T> {
    const ask = async () => {
      const run = await this.#place(record)
      return this.#guard((api) => question(api, run))
    }
    try {
      return await ask()
    } catch (thrown) {
      // The page still has the record: the next worker is sent it again.
      if (reviveError(thrown).code !== 'WORKER_CRASHED' || this.away(record) > 0) throw thrown
      return ask()
    }
  }

  /** The number of a record, sent part by part when it has none. */
  #place(record: RunRecord): Promise<RunNumber> {
    const known = this.#numbers.get(record)
    if (known) return known
    if (this.away(record) > 0) {
      return Promise.reject(
        new SpqrError(
          'BAD_INPUT',
          'The statistics worker was started again and has lost this run.',
          'Import its file again.',
        ),
      )
    }
    const placed = this.#guard((api) => this.#send(api, record))
    this.#numbers.set(record, placed)
    placed.then(
      (run) => this.#forgotten.register(record, run),
      () => this.#numbers.delete(record),
    )
    return placed
  }

  async #send(api: StatisticsWorkerApi, record: RunRecord): Promise<RunNumber> {
    const { outcomes, ...header } = record
    const run = await api.begin(header)
    for (let from = 0; from < outcomes.length; from += PART) await api.add(run, outcomes.slice(from, from + PART))
    const reference = await this.#references.get(record)
    if (reference !== undefined) await api.setReference(run, reference)
    return run
  }

  /** A run of the worker as the page's own record, with its outcomes unless they are too many. */
  async #take({ run, header, outcomes: count, sealed, stated }: PlacedRun): Promise<RunRecord> {
    const { api } = this.#connected()
    const outcomes: Outcome[] = []
    if (count <= PAGE_OUTCOMES) {
      while (outcomes.length < count) outcomes.push(...(await api.outcomes(run, outcomes.length, PART)))
    }
    const record: RunRecord = { ...header, outcomes }
    if (count > PAGE_OUTCOMES) this.#away.set(record, count)
    if (!sealed) this.#unsealed.add(record)
    if (stated) this.#stated.set(record, stated)
    this.#numbers.set(record, Promise.resolve(run))
    this.#forgotten.register(record, run)
    return record
  }

  #connected(): Connection<StatisticsWorkerApi> {
    return (this.#worker ??= this.#start())
  }

  /** A worker that died takes its runs with it; the next call starts another one and sends its record again. */
  async #guard<T>(work: (api: StatisticsWorkerApi) => Promise<T>): Promise<T> {
    const worker = this.#connected()
    try {
      return await work(worker.api)
    } catch (thrown) {
      const error = reviveError(thrown)
      if (error.code === 'WORKER_CRASHED' && this.#worker === worker) {
        worker.end()
        this.#worker = null
        this.#numbers = new WeakMap()
      }
      throw error
    }
  }
}

const withoutOutcomes = (report: Report): Report => ({ ...report, record: { ...report.record, outcomes: [] } })
