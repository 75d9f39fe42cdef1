/** Scoring off the main thread: exposes StatisticsWorkerApi over comlink. */
import { expose } from 'comlink'
import type { StatisticsWorkerApi } from '../src/core/contracts'
import { readRecordText, scoreRecord, thresholdCurve } from '../src/core/scoring'

const api: StatisticsWorkerApi = {
  score: async (record, preset, reference, resamples) => scoreRecord(record, preset, reference, resamples),
  thresholdCurve: async (record, judgeId, preset, thresholds) => thresholdCurve(record, judgeId, preset, thresholds),
  readRecord: async (text, name) => readRecordText(text, name),
}
expose(api)
