/** A hundred thousand outcomes: linear in the outcomes, and the large-sample paths agree with the small-sample ones. */
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import type { Outcome, RunRecord } from '../../../../src/core/contracts'
import { tableOf, scoreRecord, SCORING_PRESETS, mergeRecords, readRecord } from '../../../../src/core/scoring'
import { syntheticRecord, syntheticReference } from './records'

const reference = syntheticReference()
const { paper } = SCORING_PRESETS

/** Processor seconds, which other work on the machine does not stretch much. */
function processorSeconds(run: () => unknown): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

describe('100,000 outcomes', () => {
  const large = syntheticRecord({ harmful: 25_000, benign: 25_000 })

  test('score at a cost that grows no faster than their number', () => {
    expect(large.outcomes).toHaveLength(100_000)
    const small = syntheticRecord({ harmful: 6250, benign: 6250 })
    const warm = () => scoreRecord(small, paper, reference)
    warm()
    const seconds = processorSeconds(warm)
    const report = { current: scoreRecord(small, paper, reference) }
    const all = processorSeconds(() => {
      report.current = scoreRecord(large, paper, reference)
    })
    // Four times the outcomes: linear work, and a fixed part (resamples) that does not grow at all.
    expect(all).toBeLessThan(8 * seconds)
    // Ten times the budget of one second, so that only a change of order can fail here.
    expect(all).toBeLessThan(10)
    expect(report.current.counts.done).toBe(100_000)
    const { value, low, high } = report.current.scores.SPQR
    expect(low).toBeLessThanOrEqual(value ?? Number.NaN)
    expect(high).toBeGreaterThanOrEqual(value ?? Number.NaN)
  }, 120_000)

  test('score again in under a second each, and take little memory beside the record', () => {
    // A process of its own, because a peak is told of a whole process.
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'tests/helpers/scoreLarge.ts'], {
      encoding: 'utf8',
    })
    expect(status, stderr).toBe(0)
    const { outcomes, recordBytes, peakBytes, rescoreSeconds } = JSON.parse(stdout) as Record<
      'outcomes' | 'recordBytes' | 'peakBytes' | 'rescoreSeconds',
      number
    >
    expect(outcomes).toBe(100_000)
    expect(peakBytes - recordBytes).toBeLessThan(400e6)
    expect(rescoreSeconds).toBeLessThan(1)
  }, 120_000)

  test('the normal limit above 4,096 prompts gives the width the row-by-row bootstrap would', () => {
    const width = (n: number) => {
      const { low, high } = scoreRecord(syntheticRecord({ harmful: 10, benign: n }), paper, null, 2000).scores.P
      return (high ?? Number.NaN) - (low ?? Number.NaN)
    }
    expect((width(4200) / width(4000)) * Math.sqrt(4200 / 4000)).toBeCloseTo(1, 0.8)
  }, 60_000)

  test('validate and merge', () => {
    const half = (from: number, to: number): RunRecord => ({ ...large, outcomes: large.outcomes.slice(from, to) })
    expect(readRecord(large, 'large.json').outcomes).toHaveLength(100_000)
    const merged = mergeRecords([
      { name: 'b', record: half(40_000, 100_000) },
      { name: 'a', record: half(0, 60_000) },
    ]).record
    expect(merged.outcomes).toHaveLength(100_000)
  }, 60_000)
})

describe('hostile numbers', () => {
  test('a repeat number that would ask for billions of cells is refused', () => {
    const record = syntheticRecord()
    const outcomes = record.outcomes.map((outcome, i): Outcome => (i === 3 ? { ...outcome, repeat: 999_999 } : outcome))
    expect(() => tableOf({ ...record, outcomes })).toThrow('numbers its repeats')
  })
})
