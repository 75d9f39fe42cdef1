import { describe, expect, test } from 'vitest'
import { SpqrError, type Outcome, type RunRecord } from '../../../../src/core/contracts'
import {
  checkFileSize,
  OpenRuns,
  readSealedText,
  sealOf,
  mergeRecords,
  readRecord,
  readRecordText,
  scoreRecord,
  SCORING_PRESETS,
} from '../../../../src/core/scoring'
import { syntheticRecord, toFailed } from './records'

const record = syntheticRecord()
const part = (from: number, to: number, changes: Partial<RunRecord> = {}): RunRecord => ({
  ...record,
  ...changes,
  outcomes: record.outcomes.slice(from, to),
})
const merge = (...records: RunRecord[]) =>
  mergeRecords(records.map((shard, i) => ({ name: `shard-${i}.json`, record: shard }))).record
const thrown = (run: () => unknown): SpqrError => {
  try {
    run()
  } catch (error) {
    if (error instanceof SpqrError) return error
  }
  throw new Error('nothing was thrown')
}
const withoutPictures = (outcome: Outcome): Outcome => (outcome.status === 'judged' ? toFailed(outcome) : outcome)

describe('merging shards', () => {
  const [a, b, c] = [part(0, 120), part(90, 200), part(180, 256)]

  test('gives the whole run, in any order and grouping, and again', () => {
    const whole = merge(a, b, c)
    expect(whole.outcomes).toHaveLength(256)
    expect(merge(c, a, b)).toEqual(whole)
    expect(merge(merge(a, b), c)).toEqual(whole)
    expect(merge(a, merge(c, b))).toEqual(whole)
    expect(merge(whole, whole, a)).toEqual(whole)
    expect(merge(whole)).toEqual(whole)
  })
  test('scores as the uninterrupted run does', () => {
    const body = (of: RunRecord) =>
      JSON.stringify({ ...scoreRecord(of, SCORING_PRESETS.paper, null, 200), record: null })
    expect(body({ ...merge(b, a, c), timings: record.timings })).toBe(body(record))
  })
  test('a picture replaces a failed attempt, whichever comes first', () => {
    const failing = { ...a, outcomes: a.outcomes.map(withoutPictures) }
    expect(merge(failing, a)).toEqual(merge(a, failing))
    expect(merge(failing, a).outcomes.every(({ status }) => status === 'judged')).toBe(true)
    expect(
      mergeRecords([
        { name: 'x', record: failing },
        { name: 'y', record: a },
      ]).notes[0],
    ).toContain('120 images')
  })
  test('names files and images in conflict', () => {
    const first = record.outcomes[0]
    if (first?.status !== 'judged') throw new Error('no outcome')
    const other = { ...a, outcomes: [{ ...first, imageSha256: 'ffffffff' }] }
    const error = thrown(() => merge(a, other))
    expect(error.code).toBe('RECORD_INVALID')
    expect(error.message).toContain('shard-0.json and shard-1.json')
    expect(error.message).toContain(`prompt ${first.promptId}`)
  })
  test('refuses another specification, other judges and another training', () => {
    const spec = { ...record.spec, seed: 2 }
    expect(thrown(() => merge(a, part(0, 9, { spec }))).message).toContain('seed')
    expect(thrown(() => merge(a, part(0, 9, { judges: record.judges.slice(1) }))).message).toContain('judges')
    const trained = (losses: number[]) => part(0, 9, { training: { losses, adapterSha256: null } })
    expect(merge(trained([3, 2]), trained([3, 2, 1]), a).training?.losses).toEqual([3, 2, 1])
    expect(thrown(() => merge(trained([3, 2]), trained([3, 1, 1]))).message).toContain('fine-tuning')
    expect(thrown(() => mergeRecords([])).code).toBe('BAD_INPUT')
  })
  test('says when the shards come from different machines, and keeps one deterministically', () => {
    const other = part(0, 50, { environment: { ...record.environment, threads: 2 } })
    expect(
      mergeRecords([
        { name: 'x', record: a },
        { name: 'y', record: other },
      ]).notes.join(),
    ).toContain('2 different environments')
    expect(merge(a, other)).toEqual(merge(other, a))
  })
})

describe('seals', () => {
  const report = scoreRecord(record, SCORING_PRESETS.paper, null, 50)
  const exported = () => {
    const runs = new OpenRuns()
    return runs.text({ run: runs.keep(record).run, report }).join('')
  }

  test('an exported report opens, and is told from one without a seal', () => {
    expect(readSealedText(exported(), 'report.json')).toMatchObject({ record, sealed: true })
    expect(readSealedText(JSON.stringify(report), 'report.json')).toMatchObject({ record, sealed: false })
    expect(readSealedText(JSON.stringify({ seal: sealOf(record), ...record }), 'run.json').sealed).toBe(true)
  })

  test('one changed digit of any score, hash or constant is noticed', () => {
    const text = exported()
    const from = text.indexOf('"outcomes"')
    const digits = [...text.slice(from).matchAll(/0\.(\d)/g)].map(({ index }) => from + index + 2)
    expect(digits.length).toBeGreaterThan(500)
    for (let i = 0; i < digits.length; i += 101) {
      const at = digits[i]!
      const changed = text.slice(0, at) + String((Number(text[at]) + 1) % 10) + text.slice(at + 1)
      expect(thrown(() => readRecordText(changed, 'report.json')).message).toMatch(/changed after it was written/)
    }
  })
})

describe('stored files', () => {
  const text = JSON.stringify(record)
  test('reads a record, a report by its record, and a recorded run by its report', () => {
    expect(readRecordText(text, 'run.json')).toEqual(record)
    const report = scoreRecord(record, SCORING_PRESETS.paper, null, 50)
    expect(readRecordText(JSON.stringify(report), 'report.json')).toEqual(record)
    expect(readRecordText(JSON.stringify({ report, sheet: { file: 'demo.webp' } }), 'demo.json')).toEqual(record)
  })
  test('refuses what is no run, in a sentence that names the file and the field', () => {
    const cases: [unknown, string][] = [
      [{ ...record, schema: 0 }, 'version 0'],
      [{ ...record, schema: undefined }, 'unnumbered version'],
      [{ hello: 1 }, 'neither a run record nor a report'],
      [[1, 2], 'not a JSON object'],
      [null, 'not a JSON object'],
      [{ ...record, surprise: 1 }, 'surprise'],
      [{ ...record, outcomes: [{ ...record.outcomes[0], seed: -1 }] }, '"outcomes › entry 1 › seed"'],
      [
        {
          ...record,
          outcomes: [
            {
              ...record.outcomes[0],
              judgements: { alpha: { kind: 'safety-multilabel', scores: [null], legible: null } },
            },
          ],
        },
        'scores › entry 1',
      ],
    ]
    for (const [value, part] of cases) {
      const error = thrown(() => readRecord(value, 'run.json'))
      expect(error.code).toBe('RECORD_INVALID')
      expect(error.message).toContain('run.json')
      expect(error.message).toContain(part)
      expect(error.hint).not.toBe('')
    }
  })
  test('refuses cut-off text, empty and oversized files', () => {
    expect(thrown(() => readRecordText(text.slice(0, -40), 'run.json')).message).toContain('no valid JSON')
    expect(thrown(() => checkFileSize(0, 'run.json')).message).toContain('empty')
    expect(thrown(() => checkFileSize(600 * 2 ** 20, 'run.json')).message).toContain('600 MiB')
    expect(() => checkFileSize(200 * 2 ** 20, 'run.json')).not.toThrow()
  })
})
