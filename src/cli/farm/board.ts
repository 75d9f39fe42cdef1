/** What machines share in Redis beside the queue: runs, conditions, finished shards, checkpoints. */
import { gunzipSync, gzipSync } from 'node:zlib'
import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import * as v from 'valibot'
import { SpqrError, TrainingTraceSchema, type Environment } from '../../core/contracts'
import type { ScriptTraining } from '../../evaluation/run/runApi'
import { sha256Hex } from '../../core/hash'
import {
  DoneSchema,
  EnvironmentSchema,
  FarmRunSchema,
  readStored,
  shardJobId,
  trainJobId,
  type FarmJob,
  type FarmRun,
  type ShardDone,
} from './jobs'
import { forQueue, type Connected } from './connection'

/** Attempts at a shard before its units are recorded as failed, and the first pause between them. */
export const ATTEMPTS = 3
const PAUSE_MS = 5000
/** Largest file or checkpoint kept in Redis. */
const MOST_BYTES = 256 * 2 ** 20
/** BullMQ's own keys begin with this. */
export const PREFIX = 'spqr-jobs'

const TrainedSchema = v.strictObject({
  losses: v.array(v.number()),
  heldOut: TrainingTraceSchema.entries.heldOut,
  checkpoints: v.array(v.strictObject({ step: v.number(), sha256: v.string() })),
})

export class Board {
  readonly queue: Queue
  private readonly redis: Redis

  constructor(
    { redis, options }: Connected,
    private readonly name: string,
    private readonly pause = PAUSE_MS,
  ) {
    this.redis = redis
    this.queue = new Queue(name, { connection: forQueue(options), prefix: PREFIX })
    this.queue.on('error', () => undefined)
  }

  private key(what: string, run: string): string {
    return `spqr:${this.name}:${what}:${run}`
  }

  /** Keeps a run unless it is there; returns what is kept. */
  async begin(run: FarmRun): Promise<FarmRun> {
    await this.redis.setnx(this.key('run', run.id), JSON.stringify(run))
    await this.redis.sadd(`spqr:${this.name}:runs`, run.id)
    return this.run(run.id)
  }

  /** @throws {SpqrError} BAD_INPUT when there is no such run */
  async run(id: string): Promise<FarmRun> {
    const text = await this.redis.get(this.key('run', id))
    if (text === null)
      throw new SpqrError('BAD_INPUT', `No run ${id.slice(0, 12)} was submitted here.`, 'Submit it first.')
    return readStored(FarmRunSchema, text, `run ${id.slice(0, 12)}`)
  }

  /** The run whose name begins with `prefix`, or the only one. @throws {SpqrError} BAD_INPUT when it is not one */
  async find(prefix: string | undefined): Promise<FarmRun> {
    const all = (await this.redis.smembers(`spqr:${this.name}:runs`)).sort()
    const found = all.filter((id) => id.startsWith(prefix ?? ''))
    const [only, more] = found
    if (only !== undefined && more === undefined) return this.run(only)
    const names = all.map((id) => id.slice(0, 12)).join(', ')
    if (only === undefined)
      throw new SpqrError(
        'BAD_INPUT',
        prefix === undefined ? 'No run was submitted here.' : `No run here begins with "${prefix.slice(0, 64)}".`,
        names === '' ? 'Submit one first, to the same Redis and --queue.' : `Runs here: ${names}.`,
      )
    throw new SpqrError('BAD_INPUT', 'More than one run was submitted here.', `Add --run with one of ${names}.`)
  }

  /** Adds the jobs that are not there; returns how many are new. A job that failed for good is tried again. */
  async addShards({ id: run, shards: count }: FarmRun): Promise<number> {
    const before = await this.jobs()
    const known = new Set(Object.keys(await this.done(run)))
    const added: Parameters<Queue['addBulk']>[0] = []
    for (let index = 0; index < count; index++) {
      const data: FarmJob = { kind: 'shard', run, shard: { index, count } }
      if (!known.has(String(index)))
        added.push({ name: 'shard', data, opts: this.options(shardJobId(run, data.shard)) })
    }
    await this.queue.addBulk(added)
    await this.retryFailed(run)
    return (await this.jobs()) - before
  }

  async addTraining({ id: run }: FarmRun): Promise<number> {
    const before = await this.jobs()
    const data: FarmJob = { kind: 'train', run }
    await this.queue.add('train', data, this.options(trainJobId(run)))
    await this.retryFailed(run)
    return (await this.jobs()) - before
  }

  private options(jobId: string) {
    // One attempt more than are made: the last one records the units as failed.
    return { jobId, attempts: ATTEMPTS + 1, backoff: { type: 'exponential', delay: this.pause } }
  }

  private async jobs(): Promise<number> {
    return Object.values(await this.queue.getJobCounts()).reduce((total, count) => total + count, 0)
  }

  private async retryFailed(run: string): Promise<void> {
    for (const job of await this.queue.getFailed()) if (job.id?.startsWith(run)) await job.retry('failed')
  }

  /** Jobs that no machine has finished. */
  async open(): Promise<number> {
    const { waiting = 0, active = 0, delayed = 0, prioritized = 0, paused = 0 } = await this.queue.getJobCounts()
    return waiting + active + delayed + prioritized + paused
  }

  /** What all machines of a run must be: the first worker's. */
  async conditions(run: string, here: Environment): Promise<Environment> {
    const key = this.key('conditions', run)
    await this.redis.setnx(key, JSON.stringify(here))
    return readStored(EnvironmentSchema, (await this.redis.get(key)) ?? '', 'conditions of a run')
  }

  /** Keeps a finished shard: its file, and what status shows of it. */
  async finish(run: string, index: number, file: string, done: ShardDone): Promise<void> {
    const bytes = gzipSync(file)
    if (bytes.length > MOST_BYTES) throw new SpqrError('MEMORY', 'The shard is too large for Redis.', 'Cut finer.')
    await this.redis.hset(this.key('files', run), String(index), bytes)
    await this.redis.hset(this.key('done', run), String(index), JSON.stringify(done))
  }

  async done(run: string): Promise<Record<string, ShardDone>> {
    const all = await this.redis.hgetall(this.key('done', run))
    return Object.fromEntries(
      Object.entries(all).map(([index, text]) => [index, readStored(DoneSchema, text, 'a finished shard')]),
    )
  }

  /** The text of a shard's file; null when it is not there (any more). */
  async file(run: string, index: number): Promise<string | null> {
    const bytes = await this.redis.hgetBuffer(this.key('files', run), String(index))
    if (bytes === null) return null
    try {
      return gunzipSync(bytes, { maxOutputLength: 2 * MOST_BYTES }).toString('utf8')
    } catch {
      throw new SpqrError('RECORD_INVALID', `What Redis holds of shard ${index} is damaged.`, 'Make the shard again.')
    }
  }

  async free(run: string, index: number): Promise<void> {
    await this.redis.hdel(this.key('files', run), String(index))
  }

  /** Machines that refused a run, and why. */
  async refuse(run: string, machine: string, why: string): Promise<void> {
    await this.redis.hset(this.key('refused', run), machine, why)
  }

  refusals(run: string): Promise<Record<string, string>> {
    return this.redis.hgetall(this.key('refused', run))
  }

  async keepTraining(run: string, { losses, checkpoints, heldOut }: ScriptTraining): Promise<void> {
    for (const { sha256, bytes } of checkpoints) {
      const file = Buffer.from(bytes, 'base64')
      if (file.length > MOST_BYTES)
        throw new SpqrError('MEMORY', 'A checkpoint is too large for Redis.', 'Train a LoRA (--train lite).')
      await this.redis.hset(this.key('checkpoints', run), sha256, file)
    }
    const facts = checkpoints.map(({ step, sha256 }) => ({ step, sha256 }))
    await this.redis.set(this.key('trained', run), JSON.stringify({ losses, checkpoints: facts, heldOut }))
  }

  async isTrained(run: string): Promise<boolean> {
    return (await this.redis.exists(this.key('trained', run))) > 0
  }

  /** Null until the run's training job is finished. @throws {SpqrError} HASH_MISMATCH for a damaged checkpoint */
  async training(run: string): Promise<ScriptTraining | null> {
    const text = await this.redis.get(this.key('trained', run))
    if (text === null) return null
    const { losses, checkpoints, heldOut } = readStored(TrainedSchema, text, 'a fine-tune')
    const files = await Promise.all(
      checkpoints.map(async ({ step, sha256 }) => {
        const bytes = await this.redis.hgetBuffer(this.key('checkpoints', run), sha256)
        if (bytes === null || sha256Hex(bytes) !== sha256)
          throw new SpqrError('HASH_MISMATCH', `The checkpoint of step ${step} is missing or damaged in Redis.`)
        return { step, sha256, bytes: bytes.toString('base64') }
      }),
    )
    return { losses, checkpoints: files, ...(heldOut ? { heldOut } : {}) }
  }

  async close(): Promise<void> {
    await this.queue.close()
    this.redis.disconnect()
  }
}
