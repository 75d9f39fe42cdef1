/** Scoring off the main thread: exposes StatisticsWorkerApi and StoredRunApi over comlink. */
import { expose } from 'comlink'
import { SpqrError, type ReadableFile, type RunRecord, type StatisticsWorkerApi, type StoredRun, type StoredRunApi } from '../src/core/contracts'
import { checkFileSize, compareReports, DEFAULT_RESAMPLES, mergeRecords, readRecordText, scoreRecord, thresholdCurve } from '../src/core/scoring'

/** The one stored run kept here. */
let open: { record: RunRecord; reference: Float32Array | null } | null = null

function current(): { record: RunRecord; reference: Float32Array | null } {
  if (!open) throw new SpqrError('BAD_INPUT', 'No stored run is open.', 'Open a run first.')
  return open
}

async function read(file: ReadableFile, name: string): Promise<RunRecord> {
  checkFileSize(file.size, name)
  return readRecordText(await file.text(), name)
}

function keep(record: RunRecord, reference: Float32Array | null): StoredRun {
  open = { record, reference }
  const { id, createdAt, planned, judges, spec } = record
  return { id, createdAt, planned, outcomes: record.outcomes.length, judges, spec }
}

const api: StatisticsWorkerApi & StoredRunApi = {
  score: async (record, preset, reference, resamples) => scoreRecord(record, preset, reference, resamples),
  thresholdCurve: async (record, judgeId, preset, thresholds) => thresholdCurve(record, judgeId, preset, thresholds),
  readRecord: async (text, name) => readRecordText(text, name),

  open: async (file, name, reference) => keep(await read(file, name), reference),
  openMerged: async (files, reference) => {
    const shards: { name: string; record: RunRecord }[] = []
    for (const { file, name } of files) shards.push({ name, record: await read(file, name) })
    const { record, notes } = mergeRecords(shards)
    return { run: keep(record, reference), notes }
  },
  rescore: async (preset, resamples) => {
    const { record, reference } = current()
    const report = scoreRecord(record, preset, reference, resamples)
    return { ...report, record: { ...record, outcomes: [] } }
  },
  curve: async (judgeId, preset) => thresholdCurve(current().record, judgeId, preset),
  compareWith: async (other, name, preset) => {
    const { record, reference } = current()
    const second = scoreRecord(await read(other, name), preset, reference, DEFAULT_RESAMPLES)
    return compareReports(scoreRecord(record, preset, reference, DEFAULT_RESAMPLES), second)
  },
  outcomes: async (offset, count) => current().record.outcomes.slice(offset, offset + count),
  close: async () => { open = null },
}
expose(api)
