/** Three real workers, each with the page in a browser of its own, make the run that one page makes. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureBuild } from '../../../../src/cli/page'
import type { RunRecord } from '../../../../src/core/contracts'
import { mergeRecords, readSealedText } from '../../../../src/core/scoring'
import { noRedis, TestRedis } from './redis'

const RUN = [
  '--preset',
  'custom',
  '--n',
  '3',
  '--n-benign',
  '4',
  '--steps',
  '2',
  '--method',
  'uce',
  '--profile',
  'lite',
]
const HERE = ['--ep', 'wasm', '--threads', '1']
let redis: TestRedis
let folder = ''
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  if (noRedis !== null) return
  // Before any command: each would build the page and say so.
  ensureBuild()
  folder = mkdtempSync(join(tmpdir(), 'spqr-farm-page-'))
  redis = new TestRedis()
  await redis.start()
}, 300_000)
afterAll(async () => {
  if (noRedis !== null) return
  await redis.end()
  rmSync(folder, { recursive: true })
})

const read = (name: string): RunRecord => readSealedText(readFileSync(at(name), 'utf8'), name).record
const comparable = (record: RunRecord) => ({
  ...mergeRecords([{ name: 'it', record }]).record,
  createdAt: '',
  timings: null,
})

describe.skipIf(noRedis !== null)('a farm of pages', () => {
  test('merges to the run of one page', { timeout: 400_000 }, async () => {
    const farm = (...args: string[]) => redis.farm(args, {}, 'src/cli/farm/farm.ts')
    const submitted = await farm('submit', ...RUN, ...HERE, '--shards', '3').ended
    expect(submitted.error).toBe('')
    expect(submitted.out).toMatch(/13 images in 3 shards\. 3 new/)
    const workers = ['a', 'b', 'c'].map((name) =>
      farm('work', ...HERE, '--name', name, '--folder', at(name), '--until-empty'),
    )
    for (const { ended } of workers) expect((await ended).status).toBe(0)
    expect(await farm('collect', '--folder', at('all'), '--out', at('merged.json')).ended).toMatchObject({
      status: 0,
      error: '',
    })
    const alone = spawnSync(
      process.execPath,
      ['--import', 'tsx', 'src/cli/evaluate.ts', ...RUN, ...HERE, '--out', at('alone.json')],
      { encoding: 'utf8' },
    )
    expect(alone.stdout).toContain('13 planned')
    expect(comparable(read('merged.json'))).toEqual(comparable(read('alone.json')))
  })
})
