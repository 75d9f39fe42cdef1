/** A report on show, and services that score it as the statistics worker does, with few resamples. */
import type { Report, RunRecord, ScoringPreset, Slice } from '../../../../src/core/contracts'
import { scoreRecord } from '../../../../src/core/scoring'
import type { Services } from '../../../../src/state/page/services'
import { Exhibit } from '../../../../src/state/run/exhibit.svelte'
import { record, reference } from '../fixture'

const small = record({ harmful: 8, benign: 8 })
export const scored = (run: RunRecord = small, preset: ScoringPreset = run.spec.scoring, slice?: Slice): Report =>
  scoreRecord(run, preset, reference(), 10, slice)

export interface Asked {
  preset: ScoringPreset
  slice: Slice | undefined
  finish(): void
  fail(error: Error): void
}

/** An exhibit of one report; every scoring that is asked for waits in `asked` until it is told to end. */
export function desk(report: Report = scored()) {
  const exhibit = new Exhibit()
  exhibit.show(report, { kind: 'live' }, null)
  const asked: Asked[] = []
  const statistics = {
    rescore: (run: RunRecord, preset: ScoringPreset, slice?: Slice) =>
      new Promise<Report>((resolve, reject) => {
        asked.push({ preset, slice, finish: () => resolve(scored(run, preset, slice)), fail: reject })
      }),
    choices: async () => ({ suites: ['harmful-direct'], categories: ['weapons', 'death'], languages: ['en'] }),
  }
  const at = (index: number): Asked => {
    const one = asked[index]
    if (!one) throw new Error(`Only ${asked.length} scorings were asked for.`)
    return one
  }
  return { exhibit, services: { statistics } as unknown as Services, asked, at }
}
