/** The runs that are held by the statistics worker, each with what was computed for it last. */
import { SpqrError } from '../../contracts/errors'
import type { Report, Slice } from '../../contracts/report'
import type { Outcome, RunRecord, ScoringPreset } from '../../contracts/run'
import type { Stated } from '../../contracts/stated'
import type { ThresholdPoint } from '../../contracts/comparison'
import type { ComparisonPage, PlacedReport, RunNumber, PlacedRun } from '../../contracts/workers'
import { prepareScoring } from '../record'
import { compareReports } from './compare'
import { mergeRecords } from './merge'
import { sealOf } from './seal'
import { isWhole, NO_SLICE, sliceChoices, sliceRecord } from '../slice'
import { thresholdCurve } from './threshold'

/** Changed units that a comparison lists. */
export const MOST_UNITS = 500
/** Records up to this many outcomes are indented for reading. */
const INDENTED = 5000
/** Outcomes in one piece of a file's text. */
const PIECE = 1000

interface OpenRun {
  record: RunRecord
  reference: Float32Array | null
  /** The last preparation, by resamples and slice. */
  prepared: { key: string; score: (preset: ScoringPreset) => Report } | null
  sliced: { key: string; record: RunRecord } | null
}

export class OpenRuns {
  private readonly runs = new Map<RunNumber, OpenRun>()
  private next = 1

  begin(header: Omit<RunRecord, 'outcomes'>): RunNumber {
    return this.keep({ ...header, outcomes: [] }).run
  }

  add(run: RunNumber, outcomes: readonly Outcome[]): void {
    const open = this.at(run)
    for (const outcome of outcomes) open.record.outcomes.push(outcome)
    open.prepared = null
    open.sliced = null
  }

  keep(record: RunRecord, sealed = true, stated: Stated | null = null): PlacedRun {
    const run = this.next++
    this.runs.set(run, { record, reference: null, prepared: null, sliced: null })
    const { outcomes, ...header } = record
    return { run, header, outcomes: outcomes.length, sealed, stated }
  }

  merge(shards: readonly { run: RunNumber; name: string }[]): { stored: PlacedRun; notes: string[] } {
    const { record, notes } = mergeRecords(shards.map(({ run, name }) => ({ name, record: this.at(run).record })))
    return { stored: this.keep(record), notes }
  }

  setReference(run: RunNumber, reference: Float32Array | null): void {
    const open = this.at(run)
    open.reference = reference
    open.prepared = null
  }

  score(run: RunNumber, preset: ScoringPreset, resamples: number, slice: Slice = NO_SLICE): Report {
    const open = this.at(run)
    const key = JSON.stringify([resamples, slice])
    if (open.prepared?.key !== key)
      open.prepared = { key, score: prepareScoring(open.record, open.reference, resamples, slice) }
    const report = open.prepared.score(preset)
    return { ...report, record: { ...report.record, outcomes: [] } }
  }

  thresholdCurve(
    run: RunNumber,
    judgeId: string,
    preset: ScoringPreset,
    thresholds: readonly number[],
    slice: Slice = NO_SLICE,
  ): ThresholdPoint[] {
    return thresholdCurve(this.part(run, slice), judgeId, preset, thresholds)
  }

  compare(first: PlacedReport, second: PlacedReport): ComparisonPage {
    const whole = ({ run, report }: PlacedReport): Report => ({
      ...report,
      record: this.part(run, report.slice ?? NO_SLICE),
    })
    const comparison = compareReports(whole(first), whole(second), [
      this.at(first.run).reference,
      this.at(second.run).reference,
    ])
    return { ...comparison, units: comparison.units.slice(0, MOST_UNITS), changed: comparison.units.length }
  }

  choices(run: RunNumber): Slice {
    return sliceChoices(this.at(run).record)
  }

  outcomes(run: RunNumber, offset: number, count: number): Outcome[] {
    return this.at(run).record.outcomes.slice(offset, offset + count)
  }

  /** The JSON of a report with its record, in pieces: one string of a large run would be longer than an engine allows. */
  text({ run, report }: PlacedReport): string[] {
    const { record } = this.at(run)
    const seal = sealOf(record)
    if (record.outcomes.length <= INDENTED) return [JSON.stringify({ ...report, seal, record }, null, 1), '\n']
    const { outcomes, ...header } = record
    const open = (value: object) => JSON.stringify(value).slice(0, -1)
    const pieces = [`${open({ ...report, seal, record: undefined })},"record":${open(header)},"outcomes":[`]
    for (let from = 0; from < outcomes.length; from += PIECE) {
      pieces.push((from > 0 ? ',' : '') + JSON.stringify(outcomes.slice(from, from + PIECE)).slice(1, -1))
    }
    return [...pieces, ']}}\n']
  }

  release(run: RunNumber): void {
    this.runs.delete(run)
  }

  private at(run: RunNumber): OpenRun {
    const open = this.runs.get(run)
    if (!open) throw new SpqrError('BAD_INPUT', 'This run is no longer open.', 'Import its file again.')
    return open
  }

  private part(run: RunNumber, slice: Slice): RunRecord {
    const open = this.at(run)
    if (isWhole(slice)) return open.record
    const key = JSON.stringify(slice)
    if (open.sliced?.key !== key) open.sliced = { key, record: sliceRecord(open.record, slice) }
    return open.sliced.record
  }
}
