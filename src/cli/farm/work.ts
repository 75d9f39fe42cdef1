/**
 * A worker: takes shards from the queue, one at a time, and keeps page and model warm between them. Every shard is first
 * written here, then handed in, so that nothing is lost when Redis goes away. A worker that dies or stops for longer than
 * its lock loses the shard to another one; if it comes back, equal pictures merge to one.
 */
import { QueueEvents, WaitingError, Worker, type Job } from 'bullmq'
import { SpqrError, reviveError, type Shard, type ShardFile } from '../../core/contracts'
import { conditionsDiffer, shardName } from '../../core/shards'
import type { SpecifiedRun } from '../../evaluation/run/runApi'
import { finishedShard, shardPath, withMachine, writeShard } from '../shards/shardFiles'
import { ATTEMPTS, PREFIX, type Board } from './board'
import { forQueue, type Connected } from './connection'
import type { FarmEvaluator, Parameters } from './evaluator'
import { checked, JobSchema, parametersHere, whyAnother, type FarmRun } from './jobs'

export interface WorkOptions {
  queue: string
  machine: string
  /** Folder for the files of shards made here. */
  folder: string
  /** The worker's own parameters: its device, and words that were withheld. */
  own: Parameters
  /** Milliseconds after which a silent worker's shard is given to another. */
  lockMs: number
  /** Ends when nothing is left to do. */
  untilEmpty: boolean
  log(line: string): void
}

/** The worker is no equal of the run's others. */
class Refusal extends Error {}

/** Milliseconds between two words to Redis about one shard. */
const TELL_MS = 500

export class FarmWorker {
  private readonly worker: Worker
  private readonly specified = new Map<string, Promise<SpecifiedRun>>()
  private finish: (thrown: SpqrError | null) => void = () => undefined
  private readonly ended: Promise<SpqrError | null>
  private readonly events: QueueEvents | null = null
  private handedIn = 0

  constructor(
    private readonly board: Board,
    { options }: Connected,
    private readonly evaluator: FarmEvaluator,
    private readonly given: WorkOptions,
  ) {
    this.ended = new Promise((resolve) => (this.finish = resolve))
    this.worker = new Worker(given.queue, (job, token) => this.process(job, token), {
      connection: forQueue(options),
      prefix: PREFIX,
      autorun: false,
      name: given.machine,
      lockDuration: given.lockMs,
      stalledInterval: given.lockMs,
      // Counted here, so that a shard whose workers die ends as failed units and not as a job without any.
      maxStalledCount: 1000,
    })
    this.worker.on('error', (error) => this.lost(error))
    if (given.untilEmpty) {
      // Others finish too, and what they leave may be the last.
      this.events = new QueueEvents(given.queue, { connection: forQueue(options), prefix: PREFIX })
      this.events.on('error', () => undefined)
      this.events.on('completed', () => void this.look())
      this.events.on('failed', () => void this.look())
    }
    this.worker.on('drained', () => void this.look())
    this.worker.on('completed', () => void this.look())
  }

  /** Works until it is stopped, or until nothing is left. @throws {SpqrError} when this machine is no equal of the others */
  async run(): Promise<number> {
    void this.worker.run().catch((thrown: unknown) => this.finish(reviveError(thrown)))
    const fault = await this.ended
    await this.worker.close()
    await this.events?.close()
    if (fault) throw fault
    return this.handedIn
  }

  /** After the shard in hand. */
  stop(): void {
    this.finish(null)
  }

  private async look(): Promise<void> {
    if (this.given.untilEmpty && (await this.board.open().catch(() => 1)) === 0) this.finish(null)
  }

  private away = false
  private lost(error: Error): void {
    // Errors of jobs have their own way; these are of the connection.
    if (!('code' in error) && !/Connection|closed/i.test(error.message)) return
    if (!this.away) this.given.log('Redis is gone. What is made stays here, and is handed in when Redis is back.')
    this.away = true
  }

  private async process(job: Job, token?: string): Promise<unknown> {
    this.away = false
    const data = checked(JobSchema, job.data, 'a job')
    const run = await this.board.run(data.run)
    try {
      await this.assertSame(run)
      return data.kind === 'train' ? await this.train(run) : await this.make(run, data.shard, job)
    } catch (thrown) {
      if (thrown instanceof Refusal) return this.refuse(run, thrown.message, job, token)
      const error = reviveError(thrown)
      this.given.log(`${job.id?.slice(0, 12)} ${job.name}: ${error.code}`)
      await this.evaluator.reset()
      // Only the code goes to Redis: sentences may quote a prompt.
      const bare = new Error(error.code)
      bare.stack = error.code
      throw bare
    }
  }

  private async assertSame(run: FarmRun): Promise<SpecifiedRun> {
    const here = await this.specify(run)
    if (here.id !== run.id) throw new Refusal(whyAnother(run, here, this.given.own))
    const theirs = await this.board.conditions(run.id, here.environment)
    const differs = conditionsDiffer({ spec: here.spec, environment: theirs }, here.environment)
    if (differs !== null) throw new Refusal(`the run was begun with another ${differs} here`)
    return here
  }

  private specify(run: FarmRun): Promise<SpecifiedRun> {
    const known = this.specified.get(run.id)
    if (known) return known
    const parameters = parametersHere(run, this.given.own)
    const asked = this.specifyTwice(parameters).catch((thrown: unknown) => {
      // No attempt at the shard: a machine without the run's files, or without a browser, would use up all of them.
      const error = reviveError(thrown)
      this.given.log(error.message)
      throw new Refusal(
        error.code === 'BAD_INPUT'
          ? 'it lacks what the run is specified with'
          : `the page could not be opened here (${error.code})`,
      )
    })
    this.specified.set(run.id, asked)
    asked.catch(() => this.specified.delete(run.id))
    return asked
  }

  private async specifyTwice(parameters: Parameters): Promise<SpecifiedRun> {
    try {
      return await this.evaluator.specify(parameters)
    } catch (thrown) {
      if (reviveError(thrown).code === 'BAD_INPUT') throw thrown
      await this.evaluator.reset()
      return this.evaluator.specify(parameters)
    }
  }

  /** Gives the job back, for a machine that fits, and ends this worker. */
  private async refuse(run: FarmRun, why: string, job: Job, token?: string): Promise<never> {
    const sentence = `This machine cannot work on run ${run.id.slice(0, 12)}: ${why}.`
    await this.board.refuse(run.id, this.given.machine, why)
    await this.worker.pause(true)
    await job.moveToWait(token)
    this.finish(
      new SpqrError(
        'BAD_INPUT',
        sentence,
        'Its shards are left to the other machines; runs of another kind belong into another --queue.',
      ),
    )
    throw new WaitingError()
  }

  private async train(run: FarmRun): Promise<unknown> {
    if ((await this.board.training(run.id)) === null) {
      this.given.log(`training for run ${run.id.slice(0, 12)}`)
      await this.board.keepTraining(
        run.id,
        await this.evaluator.train(parametersHere(run, this.given.own), ({ step, steps }) => {
          if (step % 50 === 0 || step === steps) this.given.log(`step ${step} of ${steps}`)
        }),
      )
    }
    await this.board.addShards(run)
    return { trained: true }
  }

  private async make(run: FarmRun, shard: Shard, job: Job): Promise<unknown> {
    const begun = performance.now()
    const here = await this.specify(run)
    const path = shardPath(this.given.folder, run.id, shard)
    const { file: known, note } = finishedShard(path, here, shard)
    if (note !== null) this.given.log(note)
    const file = known ?? withMachine(await this.draw(run, shard, job), this.given.machine)
    if (!known) await this.keep(path, file)
    const { outcomes } = file.record
    const failed = outcomes.filter(({ status }) => status === 'failed').length
    const done = {
      machine: this.given.machine,
      done: outcomes.length - failed,
      failed,
      seconds: (performance.now() - begun) / 1000,
    }
    await this.board.finish(run.id, shard.index, JSON.stringify(file), done)
    this.handedIn += 1
    this.given.log(`${shardName(shard)}: ${outcomes.length} images, ${failed} failed`)
    return done
  }

  /** What cannot be kept here (a full disk) is handed in all the same. */
  private async keep(path: string, file: ShardFile): Promise<void> {
    try {
      await writeShard(path, file)
    } catch (thrown) {
      this.given.log(`${reviveError(thrown).message} The shard is handed in without a copy here.`)
    }
  }

  private async draw(run: FarmRun, shard: Shard, job: Job): Promise<ShardFile> {
    const parameters = parametersHere(run, this.given.own)
    const tries = job.attemptsMade + job.stalledCounter
    if (tries >= ATTEMPTS) {
      const code = job.attemptsMade > 0 && job.failedReason ? job.failedReason.slice(0, 50) : 'WORKER_CRASHED'
      const message = `The shard could not be made in ${ATTEMPTS} attempts (${code}).`
      this.given.log(`${shardName(shard)}: ${message} Its images are recorded as failed.`)
      return this.evaluator.failed(parameters, shard, { code, message })
    }
    const trained = run.trains ? await this.board.training(run.id) : null
    let last = 0
    return this.evaluator.shard(parameters, shard, trained, ({ type, progress }) => {
      if (type !== 'results' || !progress || performance.now() - last < TELL_MS) return
      last = performance.now()
      const { done, failed, planned, imagesPerSecond } = progress
      const { machine } = this.given
      job.updateProgress({ machine, done, failed, planned, imagesPerSecond }).catch(() => undefined)
    })
  }
}
