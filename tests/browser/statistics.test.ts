/** The statistics worker in a real browser, through the page's desk: same numbers as the library, records stay there. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Report,
  type RunRecord,
  type SpqrError,
  type StatisticsWorkerApi,
  reviveError,
} from '../../src/core/contracts'
import {
  compareReports,
  mergeRecords,
  readRecordText,
  NO_SLICE,
  thresholdCurve,
  scoreRecord,
  SCORING_PRESETS,
} from '../../src/core/scoring'
import { connect } from '../../src/state/page/connect'
import { Desk, PAGE_OUTCOMES } from '../../src/state/page/desk'
import { asPlanned, syntheticRecord, syntheticReference } from '../unit/core/scoring/records'

const reference = syntheticReference()
const { paper, code } = SCORING_PRESETS
let workers: Worker[] = []
const desk = new Desk(
  () => {
    const worker = new Worker(new URL('../../workers/statistics.ts', import.meta.url), { type: 'module' })
    workers.push(worker)
    return connect(worker, 'The statistics worker')
  },
  () => Promise.resolve(reference),
)
const file = (value: unknown) => new Blob([JSON.stringify(value)], { type: 'application/json' })
const refused = async (work: Promise<unknown>): Promise<SpqrError> =>
  work.then(() => {
    throw new Error('nothing was thrown')
  }, reviveError)
const bodyOf = (report: Report) => JSON.stringify({ ...report, record: null })
/** 100,000 outcomes in the text of a file, in pieces that no single string has to hold. */
function largeFile(record: RunRecord, padding = 0): Blob {
  const { outcomes, ...header } = record
  const pieces = [`${JSON.stringify(header).slice(0, -1)},"outcomes":[`]
  for (let from = 0; from < outcomes.length; from += 1000) {
    pieces.push((from > 0 ? ',' : '') + JSON.stringify(outcomes.slice(from, from + 1000), null, padding).slice(1, -1))
  }
  return new Blob([...pieces, ']}'])
}

/**
 * Work of the whole run done at once on this thread, in milliseconds: what a page without a worker would block for. Tasks
 * are compared with it, because a busy machine stretches both alike; `npm run bench` states the milliseconds.
 */
function atOnce(record: RunRecord): number {
  const begun = performance.now()
  scoreRecord(record, paper, reference)
  return performance.now() - begun
}

/** Main-thread tasks over 50 ms while `work` runs, as the browser itself reports them. */
async function longTasks<T>(work: () => Promise<T>): Promise<{ result: T; tasks: number[] }> {
  const frame = () =>
    new Promise((resolve) => {
      requestAnimationFrame(() => requestAnimationFrame(resolve))
    })
  // The task that made the test's data ends first.
  await frame()
  const tasks: number[] = []
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)))
  observer.observe({ entryTypes: ['longtask'] })
  const result = await work()
  // Entries are delivered in a task of their own, after the work's.
  await frame()
  tasks.push(...observer.takeRecords().map(({ duration }) => duration))
  observer.disconnect()
  return { result, tasks }
}

describe('a run that the page has', () => {
  const record = syntheticRecord()

  test('scores as the library does, to the byte, whole and in part', async () => {
    const report = await desk.score(record, paper, reference, 500)
    expect(bodyOf(report)).toBe(bodyOf(scoreRecord(record, paper, reference, 500)))
    expect(report.record).toBe(record)
    const slice = { ...NO_SLICE, categories: ['gore'] }
    expect(bodyOf(await desk.rescore(record, code, slice, 500))).toBe(
      bodyOf(scoreRecord(record, code, reference, 500, slice)),
    )
  })
  test('draws, compares, merges and writes it', async () => {
    expect(await desk.thresholdCurve(record, 'alpha', paper, [0.2, 0.5])).toEqual(
      thresholdCurve(record, 'alpha', paper, [0.2, 0.5]),
    )
    const other = { ...record, outcomes: record.outcomes.slice(1) }
    const [first, second] = [
      await desk.score(record, paper, reference, 50),
      await desk.score(other, paper, reference, 50),
    ]
    const comparison = compareReports(first, second, [reference, reference])
    expect(await desk.compare(first, second)).toEqual({ ...comparison, changed: 1 })
    const shards = [record.outcomes.slice(0, 150), record.outcomes.slice(100)].map((outcomes, i) => ({
      name: `${i}.json`,
      record: { ...record, outcomes },
    }))
    expect((await desk.merge(shards)).record).toEqual(mergeRecords(shards).record)
    expect(readRecordText(await (await desk.file(first)).text(), 'report.json')).toEqual(record)
    expect(desk.away(record)).toBe(0)
  })
  test('errors keep code, sentence and hint', async () => {
    const error = await refused(desk.open(new Blob(['{"schema":1}']), 'odd.json'))
    expect(error.code).toBe('RECORD_INVALID')
    expect(error.message).toContain('odd.json')
    expect(error.hint).not.toBe('')
    expect((await refused(desk.rescore(record, paper, { ...NO_SLICE, suites: ['nowhere'] }))).message).toContain(
      'no suite "nowhere"',
    )
  })
})

describe('100,000 outcomes', () => {
  const large = asPlanned(syntheticRecord({ harmful: 25_000, benign: 25_000, seed: 21 }))
  let stored: RunRecord
  let block: number
  beforeAll(async () => {
    block = atOnce(large)
    stored = await desk.open(largeFile(large), 'large.json')
  }, 240_000)

  test('stay in the worker: the page gets reports without them', async () => {
    expect(stored.outcomes).toEqual([])
    expect(desk.away(stored)).toBe(100_000)
    const report = await desk.rescore(stored, code)
    expect(report.scores).toEqual(scoreRecord(large, code, reference).scores)
    expect(report.record.outcomes).toEqual([])
    expect((await desk.thresholdCurve(stored, 'alpha', paper, [0.5]))[0]?.aligned.n).toBe(25_000)
  }, 120_000)

  test('are scored again, sliced, re-thresholded and written and leave the main thread free', async () => {
    const { result, tasks } = await longTasks(async () => {
      const thresholds = [0.2, 0.4, 0.6, 0.8]
      const reports: Report[] = []
      for (const alpha of thresholds)
        reports.push(await desk.rescore(stored, { ...paper, name: 'custom', thresholds: { alpha } }))
      await desk.thresholdCurve(stored, 'alpha', paper, thresholds)
      const part = await desk.rescore(stored, paper, { ...NO_SLICE, suites: ['harmful-direct'] })
      const written = await desk.file(part)
      return { reports, part, size: written.size }
    })
    expect(Math.max(0, ...tasks)).toBeLessThan(block / 4)
    const h = result.reports.map(({ harmfulness }) => harmfulness.aligned.value ?? Number.NaN)
    expect(h).toEqual([...h].sort((a, b) => b - a))
    expect(result.part.harmfulness.aligned.n).toBe(12_500)
    expect(result.size).toBeGreaterThan(20_000_000)
  }, 120_000)

  test('that the page has itself are sent in parts, and only once', async () => {
    const sent: number[] = []
    const real = connect<StatisticsWorkerApi>(
      new Worker(new URL('../../workers/statistics.ts', import.meta.url), { type: 'module' }),
      'Worker',
    )
    const api: StatisticsWorkerApi = {
      ...real.api,
      begin: real.api.begin,
      setReference: real.api.setReference,
      score: real.api.score,
      add: (run, outcomes) => {
        sent.push(outcomes.length)
        return real.api.add(run, outcomes)
      },
    }
    const counting = new Desk(
      () => ({ ...real, api }),
      () => Promise.resolve(reference),
    )
    const { tasks } = await longTasks(async () => {
      await counting.rescore(large, paper)
      await counting.rescore(large, code)
    })
    expect(Math.max(0, ...tasks)).toBeLessThan(block / 4)
    expect(sent.reduce((sum, n) => sum + n, 0)).toBe(100_000)
    expect(Math.max(...sent)).toBeLessThanOrEqual(200)
    real.end()
  }, 120_000)
})

describe('files', () => {
  test('a file of 200 MB of outcomes is read, its page stays free', async () => {
    const record = asPlanned(syntheticRecord({ harmful: 36_000, benign: 36_000, seed: 22 }))
    // Indented, as an export for reading is, until the text has 200 MB.
    const heavy = largeFile(record, 10)
    expect(heavy.size).toBeGreaterThan(200_000_000)
    const { result, tasks } = await longTasks(() => desk.open(heavy, 'heavy.json'))
    expect(desk.away(result)).toBe(144_000)
    // Reading alone takes seconds in the worker; the page meanwhile only waits.
    expect(Math.max(0, ...tasks)).toBeLessThan(atOnce(record) / 4)
  }, 240_000)
  test('a small run comes to the page whole', async () => {
    const record = asPlanned(syntheticRecord({ harmful: 100, benign: 100 }))
    expect(record.outcomes.length).toBeLessThan(PAGE_OUTCOMES)
    expect(await desk.open(file(record), 'small.json')).toEqual(record)
  })
})

describe('a worker that dies', () => {
  test('is started again, and the record sent again', async () => {
    const record = syntheticRecord({ seed: 5 })
    const before = await desk.rescore(record, paper)
    for (const worker of workers) worker.dispatchEvent(new ErrorEvent('error', { message: 'out of memory' }))
    workers = []
    expect(bodyOf(await desk.rescore(record, paper))).toBe(bodyOf(before))
  })
})
afterAll(() => {
  for (const worker of workers) worker.terminate()
})
