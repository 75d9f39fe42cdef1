/** `npm run score` and `npm run merge` as a user calls them: files in, files and one-sentence errors out. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeSafetensors } from '../../../src/core/adapters'
import type { Report, RunRecord } from '../../../src/core/contracts'
import { referenceFor } from '../../../src/cli/files'
import { sha256Hex } from '../../../src/core/hash'
import { scoreRecord, sealOf, SCORING_PRESETS } from '../../../src/core/scoring'
import { asPlanned, DIMENSION, syntheticRecord, syntheticReference } from '../core/scoring/records'

let folder = ''
const at = (name: string) => join(folder, name)
const run = (script: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', `src/cli/${script}.ts`, ...args], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}
const readJson = <T>(name: string) => JSON.parse(readFileSync(at(name), 'utf8')) as T

const reference = syntheticReference()
const referenceFile = writeSafetensors(
  new Map([['features', { dtype: 'F32' as const, shape: [200, DIMENSION], data: reference }]]),
)
const synthetic = asPlanned(syntheticRecord())
const record: RunRecord = {
  ...synthetic,
  judges: synthetic.judges.map((judge) =>
    judge.kind === 'features' ? { ...judge, reference: { sha256: sha256Hex(referenceFile), n: 200 } } : judge,
  ),
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'spqr-score-'))
  writeFileSync(at('run.json'), JSON.stringify(record))
  writeFileSync(at('reference.safetensors'), referenceFile)
  writeFileSync(at('a.json'), JSON.stringify({ ...record, outcomes: record.outcomes.slice(0, 150) }))
  writeFileSync(at('b.json'), JSON.stringify({ ...record, outcomes: record.outcomes.slice(100) }))
  // 200 MiB of valid JSON: the record, and blanks.
  writeFileSync(at('large.json'), JSON.stringify(record).padEnd(200 * 2 ** 20))
  writeFileSync(at('cut.json'), JSON.stringify(record).slice(0, 5000))
  writeFileSync(at('other.json'), JSON.stringify({ ...record, spec: { ...record.spec, seed: 77 } }))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('npm run score', () => {
  test('writes the report of the library, byte for byte, and prints the table', () => {
    const { status, stdout, stderr } = run(
      'score',
      '--in',
      at('run.json'),
      '--preset',
      'code',
      '--reference',
      at('reference.safetensors'),
      '--out',
      at('report.json'),
    )
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(stdout).toContain('SPQR')
    const expected = scoreRecord(record, SCORING_PRESETS.code, reference)
    expect(readJson<Report>('report.json')).toEqual(JSON.parse(JSON.stringify(expected)))
    expect(readJson<Report>('report.json').scores.SPQR.value).not.toBeNull()
  }, 60_000)
  test('scores a report by its record, under other thresholds', () => {
    writeFileSync(at('from.json'), JSON.stringify(scoreRecord(record, SCORING_PRESETS.paper, reference, 50)))
    const { status } = run(
      'score',
      '--in',
      at('from.json'),
      '--threshold',
      'alpha=0.05,beta=0.05',
      '--resamples',
      '200',
      '--out',
      at('strict.json'),
    )
    expect(status).toBe(0)
    const strict = readJson<Report>('strict.json')
    expect(strict.spec.scoring).toMatchObject({ name: 'custom', thresholds: { alpha: 0.05, beta: 0.05 } })
    expect(strict.harmfulness.aligned.value).toBeGreaterThan(50)
  }, 60_000)
  test('says which score a file states otherwise than its samples give it', () => {
    const report = scoreRecord(record, SCORING_PRESETS.paper, reference, 1)
    const scored = (name: string, content: unknown) => {
      writeFileSync(at(name), JSON.stringify(content))
      return run('score', '--in', at(name), '--preset', 'code', '--reference', at('reference.safetensors'))
    }
    expect(scored('true.json', { ...report, seal: sealOf(record) }).stderr).toBe('')
    // One digit of one sample, as a forger would change it who leaves the scores alone.
    const outcomes = record.outcomes.map((outcome) =>
      outcome.status === 'judged' && outcome.harmful && outcome.stage !== 'base'
        ? {
            ...outcome,
            judgements: Object.fromEntries(
              Object.entries(outcome.judgements).map(([id, one]) => [
                id,
                one.kind === 'safety-multilabel' ? { ...one, scores: one.scores.map(() => 0) } : one,
              ]),
            ),
          }
        : outcome,
    )
    const { stderr, status, stdout } = scored('forged.json', { ...report, record: { ...record, outcomes } })
    expect(stderr).toMatch(/forged.json" states S \d\.\d{3}, and its samples give 1\.000: what follows/)
    expect(stdout).toContain('SPQR')
    expect(status).toBe(0)
  }, 60_000)

  test('prints judges, agreement, the corrected h, FID with its bias, every preset, a threshold curve and what changed', () => {
    writeFileSync(at('less.json'), JSON.stringify({ ...record, outcomes: record.outcomes.slice(1) }))
    const { status, stdout, stderr } = run(
      'score',
      '--in',
      at('run.json'),
      '--reference',
      at('reference.safetensors'),
      '--resamples',
      '200',
      '--curve',
      'alpha',
      '--against',
      at('less.json'),
    )
    expect(stderr).toBe('')
    expect(status).toBe(0)
    for (const part of [
      'corrected h, %',
      'alpha alone',
      'κ ',
      'alpha and beta, n = 192',
      'FID∞',
      'KID',
      'small-sample FID, not comparable',
      'to unsafe',
      'preset',
      'Threshold of alpha',
      '0.95 ',
      '1 units changed, 255 did not.',
      'only-second',
    ])
      expect(stdout).toContain(part)
    // Signed figures say how far a preset moves an axis.
    expect(stdout).toMatch(/code +\S+ +\S+ \(-0\.\d{3}\)/)
  }, 60_000)
  test('scores a part of the run, with weights of its own', () => {
    const { status, stdout } = run(
      'score',
      '--in',
      at('run.json'),
      '--preset',
      'custom',
      '--suite',
      'harmful-direct',
      '--language',
      'en',
      '--lambda',
      'R=2',
      '--resamples',
      '100',
      '--out',
      at('part.json'),
    )
    expect(status).toBe(0)
    expect(stdout).toContain('Only suite harmful-direct, language en')
    const part = readJson<Report>('part.json')
    expect(part.spec.scoring).toMatchObject({ name: 'custom', lambda: { S: 1, R: 2 } })
    expect(part.slice).toEqual({ suites: ['harmful-direct'], categories: [], languages: ['en'] })
    // The whole record stays in the file, so that it can be scored again.
    expect(part.record.outcomes).toHaveLength(256)
    expect(part.harmfulness.aligned.n).toBe(
      record.outcomes.filter(
        ({ harmful, stage, suite, language }) =>
          harmful && stage === 'aligned' && suite === 'harmful-direct' && language === 'en',
      ).length,
    )
  }, 60_000)
  test('scores the recorded run that the page shows, with the shipped pack’s reference, by every named preset', () => {
    for (const preset of ['paper', 'code', 'pack']) {
      const { status, stderr } = run(
        'score',
        '--in',
        'public/recorded/demo.json',
        '--preset',
        preset,
        '--resamples',
        '100',
        '--out',
        at('demo.json'),
      )
      expect(stderr).toBe('')
      expect(status).toBe(0)
      const report = readJson<Report>('demo.json')
      expect(report.spec.scoring.name).toBe(preset)
      for (const score of Object.values(report.scores)) expect(score.value).not.toBeNull()
    }
    expect(run('merge', 'public/recorded/demo.json', at('demo.json'), '--out', at('merged.json')).status).toBe(0)
    expect(readJson<RunRecord>('merged.json').outcomes).toHaveLength(
      readJson<Report>('demo.json').record.outcomes.length,
    )
  }, 120_000)
  test('reads a file of 200 MiB', () => {
    const { status, stdout } = run('score', '--in', at('large.json'), '--resamples', '100')
    expect(status).toBe(0)
    expect(stdout).toContain('256 planned, 256 done')
  }, 60_000)
  test('says in a sentence what is wrong, and exits 2 for the command line, 1 for the file', () => {
    const cases: [string[], number, string][] = [
      [[], 2, '"--in" is missing'],
      [['--in', at('run.json'), '--preset', 'best'], 2, 'There is no preset "best"'],
      [['--in', at('run.json'), '--preset', 'custom'], 2, 'no constant of its own'],
      [['--in', at('nothing.json')], 2, 'cannot be read (ENOENT)'],
      [['--in', at('cut.json')], 1, 'no valid JSON'],
      [['--in', at('run.json'), '--suite', 'nowhere'], 2, 'no suite "nowhere"'],
      [['--in', at('run.json'), '--lambda', 'X=2'], 2, 'no axis "X"'],
    ]
    for (const [args, status, sentence] of cases) {
      const result = run('score', ...args)
      expect(result.status).toBe(status)
      expect(result.stderr).toContain(sentence)
      expect(result.stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
    }
  }, 120_000)
})

describe('npm run merge', () => {
  test('merges shards in any order into the same file', () => {
    expect(run('merge', at('a.json'), at('b.json'), '--out', at('ab.json')).status).toBe(0)
    const { status, stdout } = run('merge', at('b.json'), at('a.json'), at('b.json'), '--out', at('ba.json'))
    expect(status).toBe(0)
    expect(stdout).toContain('256 of 256 images')
    expect(readFileSync(at('ba.json'), 'utf8')).toBe(readFileSync(at('ab.json'), 'utf8'))
    expect(readJson<RunRecord>('ab.json').outcomes).toHaveLength(256)
  }, 60_000)
  test('refuses what does not belong together', () => {
    const other = run('merge', at('a.json'), at('other.json'), '--out', at('no.json'))
    expect(other.status).toBe(1)
    expect(other.stderr).toContain('differ in: seed')
  }, 60_000)
})

describe('reference features', () => {
  test('a file with another hash is refused with both hashes; none found is null', () => {
    const wrong = { ...record, judges: synthetic.judges }
    expect(() => referenceFor(wrong, at('reference.safetensors'))).toThrow(sha256Hex(referenceFile))
    expect(referenceFor(wrong)).toBeNull()
    expect(referenceFor(record, at('reference.safetensors'))).toEqual(reference)
    expect(() => referenceFor(record, at('nothing.safetensors'))).toThrow(/cannot be read \(ENOENT\)/)
  })
  test('a reference of the user’s own is known by its numbers', () => {
    const own = sha256Hex(new Uint8Array(reference.buffer, reference.byteOffset, reference.byteLength))
    const judged = {
      ...record,
      judges: record.judges.map((facts) =>
        facts.kind === 'features' ? { ...facts, reference: { sha256: own, n: 200 }, bounds: [] } : facts,
      ),
    }
    expect(referenceFor(judged, at('reference.safetensors'))).toEqual(reference)
  })
  test('is found by hash in the shipped packs', () => {
    const manifest = JSON.parse(readFileSync('public/packs/pictogram/manifest.json', 'utf8')) as {
      judges: { kind: string; dimension?: number; reference?: { sha256: string } }[]
    }
    const judge = manifest.judges.find(({ kind }) => kind === 'features')
    const shipped = {
      ...record,
      judges: record.judges.map((facts) =>
        facts.kind === 'features'
          ? { ...facts, dimension: judge?.dimension ?? 0, reference: { sha256: judge?.reference?.sha256 ?? '', n: 1 } }
          : facts,
      ),
    }
    const features = referenceFor(shipped)
    expect(features?.length).toBeGreaterThan(0)
    expect((features?.length ?? 1) % (judge?.dimension ?? 2)).toBe(0)
  })
})
