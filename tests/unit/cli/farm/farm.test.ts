/** One run on many machines with a real Redis: whatever falls over, the merged run is that of one machine. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { farm } from '../../../../src/cli/farm/commands'
import type { FarmStatus } from '../../../../src/cli/farm/status'
import { mergeRecords, readSealedText } from '../../../../src/core/scoring'
import type { RunRecord } from '../../../../src/core/contracts'
import { noRedis, PASSWORD, TestRedis } from './redis'

if (noRedis !== null) console.warn(`The farm is not tested: ${noRedis}.`)

let redis: TestRedis
let folder = ''
const at = (...parts: string[]) => join(folder, ...parts)
beforeAll(async () => {
  if (noRedis !== null) return
  folder = mkdtempSync(join(tmpdir(), 'spqr-farm-files-'))
  redis = new TestRedis()
  await redis.start()
})
afterAll(async () => {
  if (noRedis !== null) return
  await redis.end()
  rmSync(folder, { recursive: true })
})

const RUN = ['--preset', 'smoke', '--n', '12', '--n-benign', '16']
const SHARDS = 6
/** Every test has a queue and folders of its own. */
const on = (queue: string) => {
  const q = ['--queue', queue]
  return {
    submit: (...more: string[]) =>
      redis.farm(['submit', ...q, ...RUN, '--shards', String(SHARDS), '--pause', '0.05', ...more]).ended,
    work: (name: string, variables: Record<string, string> = {}, ...more: string[]) =>
      redis.farm(
        ['work', ...q, '--name', name, '--folder', at(queue, name), '--lock', '1', '--until-empty', ...more],
        variables,
      ),
    collect: (...more: string[]) =>
      redis.farm(['collect', ...q, '--folder', at(queue, 'collected'), '--out', at(queue, 'run.json'), ...more]).ended,
    status: async () => JSON.parse((await redis.farm(['status', ...q, '--json']).ended).out) as FarmStatus,
    record: () => readSealedText(readFileSync(at(queue, 'run.json'), 'utf8'), 'the merged run').record,
  }
}

/** The run as one machine makes it: one shard of one, the same process from beginning to end. */
async function alone(queue: string, ...more: string[]): Promise<RunRecord> {
  const q = ['--queue', queue]
  await redis.farm(['submit', ...q, ...RUN, '--shards', '1', ...more]).ended
  await redis.farm(['work', ...q, '--folder', at(queue), '--until-empty']).ended
  await redis.farm(['collect', ...q, '--folder', at(queue), '--out', at(queue, 'run.json')]).ended
  return readSealedText(readFileSync(at(queue, 'run.json'), 'utf8'), 'the run alone').record
}
/** All but times and places. */
const comparable = (record: RunRecord) => ({
  ...mergeRecords([{ name: 'it', record }]).record,
  createdAt: '',
  timings: null,
  environment: null,
})

describe.skipIf(noRedis !== null)('a farm', { timeout: 180_000 }, () => {
  let whole: RunRecord
  beforeAll(async () => {
    if (noRedis === null) whole = await alone('alone')
  }, 180_000)

  test('of three workers merges to the run of one machine; submitting twice adds nothing', async () => {
    const { submit, work, collect, status, record } = on('three')
    const first = await submit()
    expect(first).toMatchObject({ status: 0, error: '' })
    expect(first.out).toMatch(/^run [0-9a-f]{64}: 52 images in 6 shards\. 6 new, 0 there already\.\n$/)
    expect((await submit()).out).toContain('0 new, 6 there already')
    const ended = await Promise.all(['a', 'b', 'c'].map((name) => work(name).ended))
    for (const worker of ended) expect(worker).toMatchObject({ status: 0 })
    const now = await status()
    expect(now).toMatchObject({
      images: { planned: 52, done: 52, failed: 0 },
      shards: { planned: 6, finished: 6, active: 0, waiting: 0, failed: 0 },
      complete: true,
      secondsLeft: 0,
    })
    expect(now.machines.reduce((sum, { shards }) => sum + shards, 0)).toBe(6)
    expect(await collect()).toMatchObject({ status: 0, error: '' })
    expect(comparable(record())).toEqual(comparable(whole))
    expect((await submit()).out).toContain('0 new, 6 there already')
    expect((await redis.farm(['submit', '--queue', 'three', ...RUN, '--shards', '5']).ended).error).toContain(
      'This run was submitted before in 6 shards, and stays so.',
    )
  })

  test('gives the shard of a killed worker to another', async () => {
    const { submit, work, collect, record } = on('killed')
    await submit()
    const victim = work('victim', { FAKE_HOLD: at('never') })
    await victim.says(/holds \d/)
    victim.child.kill('SIGKILL')
    expect((await work('heir').ended).status).toBe(0)
    expect(await collect()).toMatchObject({ status: 0 })
    expect(comparable(record())).toEqual(comparable(whole))
  })

  test('takes the same from a worker that was stopped past its lock and comes back', async () => {
    const { submit, work, collect, record, status } = on('stopped')
    await submit()
    const sleeper = work('sleeper', { FAKE_HOLD: at('release') })
    await sleeper.says(/holds \d/)
    sleeper.child.kill('SIGSTOP')
    expect((await work('heir').ended).status).toBe(0)
    expect((await status()).complete).toBe(true)
    writeFileSync(at('release'), '')
    sleeper.child.kill('SIGCONT')
    expect((await sleeper.ended).status).toBe(0)
    expect(sleeper.error).toContain('of 6:')
    expect(await collect()).toMatchObject({ status: 0 })
    expect(comparable(record())).toEqual(comparable(whole))
  })

  test('goes on when Redis was away, and says so', async () => {
    const { submit, work, collect, record } = on('restarted')
    await submit()
    const worker = work('patient', { FAKE_HOLD: at('back') })
    await worker.says(/holds \d/)
    await redis.stop()
    await worker.says(/Redis is gone/)
    const lost = await redis.farm(['status', '--queue', 'restarted']).ended
    expect(lost.status).toBe(2)
    expect(lost.error).toMatch(
      /^Redis at \S+redis\.sock cannot be used \((ENOENT|ECONNREFUSED)\)\.\nCheck that it runs/,
    )
    writeFileSync(at('back'), '')
    await redis.start()
    expect((await worker.ended).status).toBe(0)
    expect(await collect()).toMatchObject({ status: 0 })
    expect(comparable(record())).toEqual(comparable(whole))
  })

  test('counts the pictures of a poisoned shard as failed after three attempts', async () => {
    const { submit, work, collect, record, status } = on('poisoned')
    await submit()
    const worker = await work('brave', { FAKE_POISON: '2' }).ended
    expect(worker.status).toBe(0)
    expect(worker.error.match(/ADAPTER_NAN/g)?.length).toBe(4)
    const now = await status()
    expect(now).toMatchObject({ complete: true, shards: { failed: 0 } })
    expect(now.images.failed).toBeGreaterThan(0)
    expect(await collect()).toMatchObject({ status: 0, error: '' })
    const failed = record().outcomes.filter(({ status: how }) => how === 'failed')
    expect(record().outcomes).toHaveLength(52)
    expect(failed).toHaveLength(now.images.failed)
    expect(failed[0]).toMatchObject({
      code: 'ADAPTER_NAN',
      message: 'The shard could not be made in 3 attempts (ADAPTER_NAN).',
    })
  })

  test('counts the pictures of a shard that kills its workers as failed', async () => {
    const { submit, work, collect, status } = on('deadly')
    await submit()
    for (let life = 0; life < 3; life++) expect((await work(`life-${life}`, { FAKE_DIE: '2' }).ended).status).toBeNull()
    expect((await work('survivor', { FAKE_DIE: '2' }).ended).status).toBe(0)
    expect((await status()).complete).toBe(true)
    expect((await collect()).out).toMatch(/52 of 52 images, [1-9]\d* failed/)
  })

  test('is refused by machines of another kind, whose shards go to the others', async () => {
    const { submit, work, collect, record, status } = on('kinds')
    await submit()
    const good = work('good', { FAKE_HOLD: at('go') })
    await good.says(/holds \d/)
    const [pack, page] = await Promise.all([
      work('other-pack', { FAKE_PACK: 'other' }).ended,
      work('other-page', { FAKE_APP: '9' }).ended,
    ])
    expect(pack.status).toBe(2)
    expect(pack.error).toMatch(/This machine cannot work on run [0-9a-f]{12}: its pack fixture is another version/)
    expect(page.status).toBe(2)
    expect(page.error).toContain('the run was begun with another page version: 0.1.0 and 9 here.')
    writeFileSync(at('go'), '')
    expect((await good.ended).status).toBe(0)
    expect(Object.keys((await status()).refused).sort()).toEqual(['other-pack', 'other-page'])
    expect(await collect()).toMatchObject({ status: 0 })
    expect(comparable(record())).toEqual(comparable(whole))
  })

  test('loses no attempt to a machine that cannot open the page', async () => {
    const { submit, work, collect, record, status } = on('broken')
    await submit()
    for (const name of ['broken-1', 'broken-2', 'broken-3', 'broken-4']) {
      const broken = await work(name, { FAKE_BROKEN: '1' }).ended
      expect(broken.status).toBe(2)
      expect(broken.error).toContain('the page could not be opened here (UNEXPECTED).')
    }
    expect((await work('sound').ended).status).toBe(0)
    expect(Object.keys((await status()).refused)).toHaveLength(4)
    expect(await collect()).toMatchObject({ status: 0, error: '' })
    expect(comparable(record())).toEqual(comparable(whole))
  })

  test('takes shards from a worker whose disk is full', async () => {
    const { submit, collect, record } = on('worker-full')
    await submit()
    const words = `work --queue worker-full --name full --folder ${at('worker-full', 'full')} --until-empty`
    const worker = spawnSync(
      'bash',
      ['-c', `trap '' XFSZ; ulimit -f 4; exec "$0" --import tsx tests/helpers/farm.ts ${words}`, process.execPath],
      { encoding: 'utf8', env: { ...process.env, SPQR_REDIS: redis.url } },
    )
    expect(worker.status).toBe(0)
    expect(worker.stderr.match(/the disk is full \(EFBIG\)\. The shard is handed in/g)).toHaveLength(SHARDS)
    expect(await collect()).toMatchObject({ status: 0, error: '' })
    expect(comparable(record())).toEqual(comparable(whole))
  })

  test('names the machine whose canaries are odd before anything is merged', async () => {
    const { submit, work, collect } = on('odd')
    await submit()
    const odd = work('odd-one', { FAKE_ODD: '1', FAKE_HOLD: at('odd-go') })
    await odd.says(/holds \d/)
    // It leaves after the shard in hand.
    odd.child.kill('SIGTERM')
    writeFileSync(at('odd-go'), '')
    expect((await odd.ended).status).toBe(0)
    expect((await work('even').ended).status).toBe(0)
    const { status, error } = await collect()
    expect(status).toBe(1)
    expect(error).toMatch(/\(odd-one\) drew a canary picture that 5 other files have otherwise\./)
  })

  test('trains once, and every shard takes that checkpoint', async () => {
    const live = ['--train', 'lite', '--train-steps', '20', '--checkpoints', '10']
    const trained = await alone('alone-live', ...live)
    const { submit, work, collect, record } = on('live')
    expect((await submit(...live)).out).toContain('The fine-tune is trained first; its shards follow.')
    expect((await submit(...live)).out).toContain('The fine-tune is trained first; its shards follow.')
    const first = work('a', { FAKE_HOLD: at('live-go') })
    await first.says(/holds \d/)
    const threads = await work('threads', { FAKE_THREADS: '7' }).ended
    expect(threads).toMatchObject({ status: 2 })
    expect(threads.error).toContain('the run was begun with another number of threads: 2 and 7 here.')
    const second = work('b')
    writeFileSync(at('live-go'), '')
    const ended = await Promise.all([first.ended, second.ended])
    expect(ended.map(({ status }) => status)).toEqual([0, 0])
    expect(ended.flatMap(({ out }) => out.match(/^trains$/gm) ?? [])).toHaveLength(1)
    expect(await collect()).toMatchObject({ status: 0, error: '' })
    expect(comparable(record())).toEqual(comparable(trained))
    expect(record().training?.losses).toHaveLength(20)
  })

  test('keeps what is collected when the disk is full, and goes on', async () => {
    const { submit, work, collect, record } = on('full')
    await submit()
    await work('one').ended
    const command = `trap '' XFSZ; ulimit -f 4; exec "$0" --import tsx tests/helpers/farm.ts collect --queue full --folder ${at('full', 'collected')} --out ${at('full', 'run.json')} --free`
    const full = spawnSync('bash', ['-c', command, process.execPath], {
      encoding: 'utf8',
      env: { ...process.env, SPQR_REDIS: redis.url },
    })
    expect(full.status).toBe(1)
    expect(full.stderr).toContain('cannot be written: the disk is full (EFBIG).')
    expect(await collect('--free')).toMatchObject({ status: 0 })
    expect(comparable(record())).toEqual(comparable(whole))
  })

  test('has no prompt, word of the submitter or password in Redis or in a log', async () => {
    const { submit, work } = on('quiet')
    const words = ['--method', 'uce', '--computed', '--concepts', 'unspeakable thing', '--profile', 'none']
    const submitted = await submit(...words)
    expect(submitted.out).toContain('Start the workers with --concepts too')
    const without = await work('without').ended
    expect(without.error).toContain("it was not started with the run's --concepts.")
    const withWords = await work('with', {}, '--concepts', 'unspeakable thing').ended
    expect(withWords.status).toBe(0)
    const written = redis.written()
    expect(written).toContain('harmful-direct')
    for (const text of ['unspeakable', 'drawing ', PASSWORD]) {
      expect(written.includes(text), text).toBe(false)
      expect(
        [submitted, without, withWords].some(({ out, error }) => (out + error).includes(text)),
        text,
      ).toBe(false)
    }
  })

  test.each([
    ['no command', [], 'Say what to do.'],
    ['another command', ['sell'], '"sell" is no command of the farm.'],
    ['an unknown option', ['status', '--colour', 'x'], 'Unknown option "--colour".'],
    ['an address that is none', ['status', '--redis', 'http://x'], 'The address of Redis cannot be read.'],
    ['a wrong password', ['status', '--redis', 'SOCKET?password=wrong'], 'the password is missing or wrong'],
    ['no run', ['status', '--queue', 'nothing'], 'No run was submitted here.'],
    ['another run', ['status', '--queue', 'three', '--run', 'zz'], 'No run here begins with "zz".'],
    ['half a shard', ['submit', '--shards', '1.5'], '"--shards" must be a whole number'],
    ['shards without number', ['submit', '--shards', 'x'], '"--shards" must be a number from 1 to 100000; it is "x".'],
    ['an unknown parameter', ['submit', '--colour', 'red'], 'Unknown parameter "colour"'],
  ])('refuses %s in one sentence', async (_, args, why) => {
    vi.stubEnv('SPQR_REDIS', redis.url)
    const given = args.map((arg) => arg.replace('SOCKET', `unix:${redis.socket}`))
    const evaluator = () => {
      throw new Error('no evaluator is needed to refuse')
    }
    await expect(farm(given, evaluator)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining(why) as unknown,
    })
    vi.unstubAllEnvs()
  })
})
