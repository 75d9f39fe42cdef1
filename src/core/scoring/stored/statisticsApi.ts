/** What the statistics worker does, over runs that it holds; in the page itself where a browser starts no worker. */
import type { StatisticsWorkerApi } from '../../contracts/workers'
import { OpenRuns } from './openRuns'
import { assertPlanned } from './planned'
import { checkFileSize, readSealedText } from './read'

export function statisticsApi(): StatisticsWorkerApi {
  const runs = new OpenRuns()
  return {
    begin: async (header) => runs.begin(header),
    add: async (run, outcomes) => runs.add(run, outcomes),
    open: async (file, name) => {
      checkFileSize(file.size, name)
      const { record, sealed, stated } = readSealedText(await file.text(), name)
      assertPlanned(record, name)
      return runs.keep(record, sealed, stated)
    },
    merge: async (shards) => runs.merge(shards),
    setReference: async (run, reference) => runs.setReference(run, reference),
    score: async (run, preset, resamples, slice) => runs.score(run, preset, resamples, slice),
    thresholdCurve: async (run, judgeId, preset, thresholds, slice) =>
      runs.thresholdCurve(run, judgeId, preset, thresholds, slice),
    compare: async (first, second) => runs.compare(first, second),
    choices: async (run) => runs.choices(run),
    outcomes: async (run, offset, count) => runs.outcomes(run, offset, count),
    file: async (placed) => new Blob(runs.text(placed), { type: 'application/json' }),
    release: async (run) => runs.release(run),
  }
}
