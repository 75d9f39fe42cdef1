/** Files of shards: which shard this process is, whole files or none, merging more than fits into memory. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chosenShard, type ShardOptions } from '../../../../src/cli/shards/choice'
import { mergeFiles } from '../../../../src/cli/shards/mergeFiles'
import { finishedShard, shardPath, writeShard } from '../../../../src/cli/shards/shardFiles'
import { Spill } from '../../../../src/cli/shards/spill'
import type { Report, RunRecord, ShardFile } from '../../../../src/core/contracts'
import { mergeRecords, readSealedText, scoreRecord } from '../../../../src/core/scoring'
import { shardFile, shardOf } from '../../../../src/core/shards'
import { referenceFor } from '../../../../src/cli/files'

/** The run that the page shows at second 0, cut into shards as three machines would have made them. */
const demo = JSON.parse(readFileSync('public/recorded/demo.json', 'utf8')) as { report: Report }
const { record } = readSealedText(JSON.stringify(demo.report.record), 'the recorded run')
const COUNT = 3
const canaries = new Set(record.outcomes.slice(0, 4).map(({ unitId }) => unitId))
const shard = (index: number, changes: Partial<RunRecord> = {}): ShardFile =>
  shardFile(
    { ...record, ...changes },
    { index, count: COUNT },
    record.outcomes.filter((outcome) => shardOf(outcome, COUNT) === index).length,
    canaries,
    `host-${index}`,
  )

let folder = ''
const at = (name: string) => join(folder, name)
const files = [0, 1, 2].map((index) => `${index}-of-3.json`)
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spqr-shards-'))
  for (const [index, name] of files.entries()) await writeShard(at(name), shard(index))
})
afterAll(() => rmSync(folder, { recursive: true }))

const cli = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', 'src/cli/merge.ts', ...args], { encoding: 'utf8' })

describe('merging recorded shards', () => {
  const canonical = mergeRecords([{ name: 'whole', record }]).record
  const reference = referenceFor(record)
  const reportOf = (of: RunRecord) =>
    JSON.stringify({ ...scoreRecord(of, record.spec.scoring, reference, 10), record: 0 })

  test.each([
    ['in memory', undefined],
    ['over the disk, a few outcomes at a time', 5000],
  ])('%s gives the record of one machine, sealed, and its Report bit for bit', async (_, held) => {
    const out = at('run.json')
    const { images, failed, planned, missing, notes } = await mergeFiles(files.map(at), out, held)
    expect({ images, failed, planned, missing, notes }).toEqual({
      images: record.outcomes.length,
      failed: 0,
      planned: record.planned,
      missing: [],
      notes: [],
    })
    const { record: read, sealed } = readSealedText(readFileSync(out, 'utf8'), out)
    expect(sealed).toBe(true)
    expect(read).toEqual(canonical)
    expect(reference).not.toBeNull()
    expect(reportOf(read)).toBe(reportOf(record))
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
  })

  test('over the disk is the merge in memory, also where shards overlap', async () => {
    writeFileSync(at('half.json'), JSON.stringify({ ...record, outcomes: record.outcomes.slice(0, 150) }))
    const { images } = await mergeFiles([...files, 'half.json', ...files].map(at), at('over.json'), 3000)
    expect(images).toBe(record.outcomes.length)
    expect(readSealedText(readFileSync(at('over.json'), 'utf8'), 'it').record).toEqual(canonical)
  })

  test('names a shard that is missing, and --require-complete makes it an error', () => {
    const some = cli(at('0-of-3.json'), at('2-of-3.json'), '--out', at('some.json'))
    expect(some).toMatchObject({ status: 0, stderr: '' })
    expect(some.stdout).toContain('Shard 1 of 3 is missing.')
    const strict = cli(at('0-of-3.json'), at('2-of-3.json'), '--out', at('some.json'), '--require-complete')
    expect(strict).toMatchObject({ status: 1, stderr: 'Shard 1 of 3 is missing.\n' })
  })

  test('takes a folder, and counts what a record without shards lacks', () => {
    mkdirSync(at('part'), { recursive: true })
    writeFileSync(join(at('part'), 'a.json'), JSON.stringify({ ...record, outcomes: record.outcomes.slice(0, 200) }))
    const run = cli(at('part'), '--out', at('counted.json'), '--require-complete')
    expect(run).toMatchObject({ status: 1, stderr: "56 of the run's 256 images are missing.\n" })
  })

  test.each([
    ['another specification', { spec: { ...record.spec, seed: 7 } }, 'not shards of one specification'],
    [
      'another pack',
      { spec: { ...record.spec, model: { ...record.spec.model, manifestSha256: 'ab'.repeat(32) } } },
      'they differ in: model',
    ],
    ['another page', { environment: { ...record.environment, app: '9' } }, 'another page version'],
    ['another backend', { environment: { ...record.environment, executionProvider: 'webgpu' as const } }, 'backend'],
  ])('refuses a shard of %s in one sentence and writes nothing', async (_, changes, why) => {
    await writeShard(at('other.json'), shard(1, changes))
    await expect(mergeFiles([at('0-of-3.json'), at('other.json')], at('never.json'))).rejects.toMatchObject({
      code: 'RECORD_INVALID',
      message: expect.stringContaining(why) as unknown,
    })
    expect(existsSync(at('never.json'))).toBe(false)
  })
})

describe('a disk that is full while files are merged', () => {
  test('is said in one sentence, and what was there stays', () => {
    writeFileSync(at('kept.json'), 'earlier')
    // A limit for files stands for the disk: the signal ignored, writing fails as on a full one.
    const command = `trap '' XFSZ; ulimit -f 100; exec "$0" --import tsx src/cli/merge.ts ${files.map(at).join(' ')} --out ${at('kept.json')}`
    const run = spawnSync('bash', ['-c', command, process.execPath], { encoding: 'utf8' })
    expect(run.stderr).toContain('cannot be written: the disk is full (EFBIG).')
    expect(run.status).toBe(1)
    expect(readFileSync(at('kept.json'), 'utf8')).toBe('earlier')
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
    expect(cli(...files.map(at), '--out', at('kept.json'), '--require-complete').status).toBe(0)
  })
})

describe('the file of a shard', () => {
  const run = { id: record.id, spec: record.spec, environment: record.environment }
  const place = (name: string, text: string) => {
    const path = shardPath(at(name), record.id, { index: 1, count: COUNT })
    mkdirSync(join(at(name), record.id), { recursive: true })
    writeFileSync(path, text)
    return path
  }
  test('that is finished is taken', () => {
    const path = place('done', JSON.stringify(shard(1)))
    expect(finishedShard(path, run, { index: 1, count: COUNT }).file).toEqual(shard(1))
  })
  test.each([
    ['cut off', JSON.stringify(shard(1)).slice(0, 3000), 'no valid JSON. It is made again.'],
    ['of another shard', JSON.stringify(shard(2)), 'is no finished shard 1 of 3. It is made again.'],
    [
      'unfinished',
      JSON.stringify(shard(1, { outcomes: record.outcomes.slice(0, 90) })),
      'is no finished shard 1 of 3.',
    ],
    ['of no shard at all', JSON.stringify(record), 'is no finished shard 1 of 3.'],
  ])('that is %s is made again, and this is said', (_, text, why) => {
    const { file, note } = finishedShard(place('bad', text), run, { index: 1, count: COUNT })
    expect(file).toBeNull()
    expect(note).toContain(why)
  })
  test('that is not there is made', () => {
    expect(finishedShard(at('nothing.json'), run, { index: 1, count: COUNT })).toEqual({ file: null, note: null })
  })
  test('from a machine of another kind is neither overwritten nor mixed', () => {
    const path = place('kind', JSON.stringify(shard(1, { environment: { ...record.environment, app: '8' } })))
    expect(() => finishedShard(path, run, { index: 1, count: COUNT })).toThrow('another page version: 8 and')
  })
})

describe('which shard a process makes', () => {
  const slurm = (id: number, count: number, min = 0, max = count - 1) => ({
    SLURM_ARRAY_TASK_ID: String(id),
    SLURM_ARRAY_TASK_COUNT: String(count),
    SLURM_ARRAY_TASK_MIN: String(min),
    SLURM_ARRAY_TASK_MAX: String(max),
  })
  test.each<[string, ShardOptions, Record<string, string>, unknown]>([
    ['none asked for', {}, slurm(1, 4), null],
    ['its own words', { shard: '2/8' }, slurm(1, 4), { index: 2, count: 8 }],
    ['Slurm', { shard: 'auto' }, slurm(1, 4), { index: 1, count: 4 }],
    ['Slurm and a number', { shards: '20' }, slurm(7, 2, 7, 9), { index: 7, count: 20 }],
    ['Kubernetes', { shards: '8' }, { JOB_COMPLETION_INDEX: '3' }, { index: 3, count: 8 }],
  ])('by %s', (_, options, variables, expected) => {
    expect(chosenShard(options, variables)).toEqual(expected)
  })
  test.each<[string, ShardOptions, Record<string, string>, string]>([
    ['shard 5/4', { shard: '5/4' }, {}, '"--shard 5/4": of 4 shards there are only 0 to 3.'],
    ['both', { shard: '1/4', shards: '4' }, {}, 'both say how many'],
    ['no scheduler', { shards: '4' }, {}, 'No scheduler says which shard this is'],
    ['a part of an array', { shard: 'auto' }, slurm(7, 2, 7, 9), 'This array has 2 tasks numbered 7 to 9'],
    ['an array from 1', { shard: 'auto' }, slurm(1, 4, 1, 4), 'numbered 1 to 4'],
    ['a task beyond the number', { shards: '4' }, slurm(4, 5), 'SLURM_ARRAY_TASK_ID 4: of 4 shards'],
    ['Kubernetes without a number', { shard: 'auto' }, { JOB_COMPLETION_INDEX: '3' }, 'does not tell a task how many'],
    ['a word', { shards: 'many' }, { JOB_COMPLETION_INDEX: '3' }, 'must be a whole number; it is "many"'],
  ])('refuses %s', (_, options, variables, why) => {
    expect(() => chosenShard(options, variables)).toThrow(why)
  })
  test('and the command says so in one sentence', () => {
    const run = spawnSync(process.execPath, ['--import', 'tsx', 'src/cli/evaluate.ts', '--shard', '5/4'], {
      encoding: 'utf8',
    })
    expect(run).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('only 0 to 3.\nShards are counted from 0.') as unknown,
    })
  })
})

test('what is sorted over the disk is what is sorted in memory', async () => {
  const numbers = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1009)
  for (const most of [20, 333, 10_000]) {
    const spill = new Spill<number>((a, b) => a - b, at('sorted.json'), most)
    for (const number of numbers) await spill.add(number, 3)
    const sorted: number[] = []
    for await (const number of spill.sorted()) sorted.push(number)
    spill.end()
    expect(sorted).toEqual([...numbers].sort((a, b) => a - b))
  }
})
