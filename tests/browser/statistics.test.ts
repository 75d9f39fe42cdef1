/** The statistics worker in a real browser: same numbers as the library, the record stays there, errors arrive whole. */
import { wrap, type Remote } from 'comlink'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { reviveError, type SpqrError, type StatisticsWorkerApi, type StoredRunApi } from '../../src/core/contracts'
import { scoreRecord, SCORING_PRESETS } from '../../src/evaluation/score'
import { syntheticRecord, syntheticReference } from '../unit/core/scoring/records'

let worker: Worker
let api: Remote<StatisticsWorkerApi & StoredRunApi>
const record = syntheticRecord({ harmful: 2000, benign: 1500 })
const reference = syntheticReference()
const { paper, code } = SCORING_PRESETS
const file = (value: unknown) => new Blob([JSON.stringify(value)], { type: 'application/json' })
const refused = async (work: Promise<unknown>): Promise<SpqrError> => work.then(() => { throw new Error('nothing was thrown') }, reviveError)

beforeAll(() => {
  worker = new Worker(new URL('../../workers/statistics.ts', import.meta.url), { type: 'module' })
  api = wrap<StatisticsWorkerApi & StoredRunApi>(worker)
})
afterAll(() => worker.terminate())

describe('statistics worker', () => {
  it('scores as the library does, to the byte', async () => {
    const small = syntheticRecord()
    const report = await api.score(small, paper, reference, 500)
    expect(JSON.stringify(report)).toBe(JSON.stringify(scoreRecord(small, paper, reference, 500)))
  })
  it('keeps a large run, re-scores it, and answers reports without its outcomes', async () => {
    const run = await api.open(file(record), 'run.json', reference)
    expect(run).toMatchObject({ id: record.id, outcomes: 7500, planned: record.planned })
    let ticks = 0
    const timer = setInterval(() => { ticks += 1 }, 1)
    const report = await api.rescore(code, 2000)
    clearInterval(timer)
    // The page went on while the worker computed.
    expect(ticks).toBeGreaterThan(3)
    expect(report.record.outcomes).toEqual([])
    expect(report.scores).toEqual(scoreRecord(record, code, reference).scores)
    expect(await api.outcomes(10, 5)).toEqual(record.outcomes.slice(10, 15))
    expect((await api.curve('alpha', paper))[50]?.aligned.n).toBe(2000)
  })
  it('merges shards and compares runs away from the page', async () => {
    const [a, b] = [{ ...record, outcomes: record.outcomes.slice(0, 4000) }, { ...record, outcomes: record.outcomes.slice(3000) }]
    const merged = await api.openMerged([{ file: file(b), name: 'b' }, { file: file(a), name: 'a' }], null)
    expect(merged.run.outcomes).toBe(record.outcomes.length)
    const comparison = await api.compareWith(file({ ...record, outcomes: record.outcomes.slice(1) }), 'other.json', paper)
    expect(comparison.units.map(({ change }) => change)).toEqual(['only-first'])
  })
  it('errors keep code, sentence and hint', async () => {
    const error = await refused(api.open(new Blob(['{"schema":1}']), 'odd.json', null))
    expect(error.code).toBe('RECORD_INVALID')
    expect(error.message).toContain('odd.json')
    expect(error.hint).not.toBe('')
    await api.close()
    expect((await refused(api.rescore(paper, 10))).message).toBe('No stored run is open.')
  })
})
