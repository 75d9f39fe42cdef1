/** Evaluations from the fake engine, store and trainer of the fixture. */
import type { LoadedPack, Report, RunRecord, RunSpec } from '../../../src/core/contracts'
import { runEvaluation, type RunEvent, type RunPorts } from '../../../src/evaluation/run/run'
import { scoreRecord } from '../../../src/core/scoring'
import { createRunSpec } from '../../../src/evaluation/spec/spec'
import { FakeEngine, FakeTrainer, loadedPack, referenceFeatures } from './fixture'
import { MemoryStore } from './memoryRuns'

export const pack = loadedPack()
/** The fixture with a U-Net small enough that all stages stay loaded and are drawn in turn. */
export const small = {
  ...pack,
  manifest: {
    ...pack.manifest,
    model: {
      ...pack.manifest.model,
      unet: { graph: {}, weights: { bytes: 1000 } } as unknown as typeof pack.manifest.model.unet,
    },
  },
}
export const smoke = createRunSpec({ preset: 'smoke', n: 12, 'n-benign': 16 }, pack)
export const live = createRunSpec({ preset: 'smoke', train: 'lite', 'train-steps': 20, checkpoints: [10] }, pack)

export function harness(changes: Partial<RunPorts> = {}) {
  let clock = 0
  const engine = new FakeEngine()
  const store = new MemoryStore()
  const trainer = new FakeTrainer()
  const events: RunEvent[] = []
  const recreated: FakeEngine[] = []
  const ports: RunPorts = {
    engine,
    store,
    trainer,
    now: () => (clock += 500),
    batchSize: 5,
    resamples: 50,
    recreateEngine: () => {
      const fresh = new FakeEngine()
      recreated.push(fresh)
      return Promise.resolve(fresh)
    },
    statistics: {
      score: (record, preset, reference, resamples) =>
        Promise.resolve(scoreRecord(record, preset, reference, resamples)),
    },
    reference: () => Promise.resolve(referenceFeatures()),
    ...changes,
  }
  const start = (
    spec: RunSpec,
    signal: AbortSignal = new AbortController().signal,
    of: LoadedPack = pack,
  ): Promise<Report> => runEvaluation(signal, ports, of, spec, (event) => events.push(event))
  return { engine, store, trainer, events, recreated, ports, start }
}

/** A report without what a second run of the same specification may differ in. */
export function comparable(report: Report): unknown {
  const strip = (record: RunRecord) => ({ ...record, timings: null, createdAt: null })
  return JSON.parse(
    JSON.stringify({ ...report, timings: null, createdAt: null, record: strip(report.record) }),
  ) as unknown
}
